"""What the site would show under "media info": the runtime and format of a release's audio, read from the files' headers.

Measuring is best effort: a file that cannot be read is simply not counted, because a tracker's row may be wrong too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.core.reasons import JsonValue

FORMATS = {"mp3": ("MPEG Audio", "MPEG Audio"), "m4b": ("MPEG-4", "AAC LC"), "m4a": ("MPEG-4", "AAC LC")}


def measure(files: Sequence[Path]) -> Mapping[str, JsonValue] | None:
    """The row's `mediainfo` for these audio files together, or None when none of them can be read."""
    from mutagen import File, MutagenError

    seconds = 0.0
    first: tuple[Path, int, int, int] | None = None
    for path in files:
        try:
            media = File(path)
        except (MutagenError, OSError):
            continue
        if media is None or media.info is None:
            continue
        seconds += float(media.info.length)
        if first is None:
            info = media.info
            first = (
                path,
                int(getattr(info, "bitrate", 0) or 0),
                int(getattr(info, "channels", 0) or 0),
                int(getattr(info, "sample_rate", 0) or 0),
            )
    if first is None:
        return None
    path, bitrate, channels, sample_rate = first
    container, codec = FORMATS.get(path.suffix.lower().lstrip("."), (path.suffix.lstrip(".").upper(),) * 2)
    return {
        "General": {"Duration": clock_time(seconds), "Format": container},
        "Audio1": {
            "Format": codec,
            "BitRate": str(bitrate),
            "Channels": channels,
            "BitRate_Mode": "CBR",
            "SamplingRate": str(sample_rate),
        },
    }


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds: "20:04:11"."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
