"""Small e-books for tests, made by the script that fills the stand-in catalogue."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "sandbox_ebooks.py"
_spec = importlib.util.spec_from_file_location("sandbox_ebooks", _SCRIPT)
assert _spec is not None and _spec.loader is not None
_made = importlib.util.module_from_spec(_spec)
sys.modules["sandbox_ebooks"] = _made
_spec.loader.exec_module(_made)

Text, cbz, epub, mobi, pdf, zipped = _made.Text, _made.cbz, _made.epub, _made.mobi, _made.pdf, _made.zipped

COVER = (
    Path(__file__).resolve().parents[2] / "src/earmark/sandbox/library/Oscar Wilde - The Happy Prince (1888)/poster.jpg"
).read_bytes()


def a_book(title: str = "The Time Machine", **facts: object):  # type: ignore[no-untyped-def]
    """Two chapters by H. G. Wells, with a cover, unless `facts` say otherwise."""
    given = {"authors": ("H. G. Wells",), "chapters": (("One", "It began."), ("Two", "It ended.")), "cover": COVER}
    return Text(title=title, **(given | facts))
