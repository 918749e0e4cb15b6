"""Albums: which release is the wished one, which file is which track, how sure we are, and why. Pure; reads nothing."""

from __future__ import annotations

from earmark.core.albums.cue import CueTrack, RangeMapping, map_ranges
from earmark.core.albums.deciding import decide_album
from earmark.core.albums.evidence import cue_images, map_tracks
from earmark.core.albums.folders import CueImage

__all__ = ["CueImage", "CueTrack", "RangeMapping", "cue_images", "decide_album", "map_ranges", "map_tracks"]
