"""Audio files: what they are, how several become one book, and the proof that the book is whole.

This room drives ffmpeg as a separate program and reads and writes tags. It knows nothing of tickets, trackers or
shelves: paths and plans come in, a proven file or a named error comes out.
"""

from __future__ import annotations

from earmark.media.bind import FfmpegBinder
from earmark.media.cover import pick_cover
from earmark.media.ffmpeg import FfmpegTool, find_ffmpeg
from earmark.media.plan import plan_book
from earmark.media.probe import probe
from earmark.media.tags import read_chapters, read_tags, write_tags

__all__ = [
    "FfmpegBinder",
    "FfmpegTool",
    "find_ffmpeg",
    "pick_cover",
    "plan_book",
    "probe",
    "read_chapters",
    "read_tags",
    "write_tags",
]
