"""Albums: which release is the wished one, which file is which track, how sure we are, and why. Pure; reads nothing."""

from __future__ import annotations

from earmark.core.albums.cue import CueTrack, RangeMapping, map_ranges
from earmark.core.albums.deciding import decide_album
from earmark.core.albums.folders import CueImage

__all__ = ["CueImage", "CueTrack", "RangeMapping", "decide_album", "map_ranges"]
