"""What every test may use. Helpers shared between rooms live in `tests/support` and are imported by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))
