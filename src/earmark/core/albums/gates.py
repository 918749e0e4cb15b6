"""The gates of an album: small rules, each refusing for one reason. An unknown never refuses.

What a person might still want (a set, a part, a poor copy, another edition) is a doubt and lives in
`core.albums.doubts`; here stands what is another work, another recording, or no music at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, pstdev

from earmark.core.albums.evidence import Evidence
from earmark.core.reasons import JsonValue, Reason
from earmark.core.wish import Kind

ALIKE = 0.6  # of two names that may be one title
WHOLE_DISC = 0.8  # of the tracks of one disc
ENOUGH_SIZES = 5
CLIP_SECS = 95  # shops play 30, 60 or 90 seconds
LEAST_SHARE = 0.5  # fewer of the tracks than this are no album
PLAUSIBLE_KBPS = {5: (150, 12_000), 4: (250, 420), 3: (110, 360), 2: (90, 400), 1: (90, 200), 0: (20, 160)}
"""Bytes against the wished lengths, by band of the claimed quality, in kbit/s; outside of it the claim is untrue."""


def holds_no_programs(e: Evidence) -> Reason | None:
    if e.contents.programs:
        return _refusal("programs_inside", "It holds programs where sound should be.", files=_few(e.contents.programs))
    return None


def stays_in_its_folder(e: Evidence) -> Reason | None:
    if e.contents.escaping:
        return _refusal("unsafe_paths", "Its paths lead out of their folder.", files=_few(e.contents.escaping))
    return None


def is_music(e: Evidence) -> Reason | None:
    if e.release.kind not in {None, Kind.MUSIC}:
        return _refusal("wrong_kind", f"It is offered as {e.release.kind}, not as music.")
    c = e.contents
    if c.known and not c.audio and not c.archives:
        what = "video" if c.videos else "no sound file"
        return _refusal(
            "no_audio", f"Its {c.total} files are {what if c.videos else 'none of them music'}.", found=what
        )
    told = e.offered_marks & {"video", "text"}
    if not c.known and told - e.wished_marks and e.title.quality.band is None:
        return _refusal("wrong_kind", f"Its title speaks of {' and '.join(sorted(told))}, not of music.")
    return None


def is_by_the_artist(e: Evidence) -> Reason | None:
    if e.artist is not None and e.artist < LEAST_SHARE and not e.proved_by_length:
        return _refusal("other_artist", f"It is by somebody else ({_quoted(e)}); {e.wish.artist} is wished.")
    return None


def is_the_album(e: Evidence) -> Reason | None:
    if e.proved or e.album is None:
        return None
    numbered = next((w for w in e.title.leftover if w.isdecimal() and len(w) < 3), None)
    if e.album < LEAST_SHARE:
        return _refusal("other_album", f"The title names another album ({_quoted(e)}).")
    if numbered and e.title.album and not e.contents.audio:
        return _refusal("other_album", f"The title counts on (“{numbered}”): it is another volume.")
    if e.self_titled and e.title.leftover and e.years and year_fit(e) == 0.0:
        return _refusal("other_album", f"An album of the same name from {e.years[0]}; {e.wish.year} is wished.")
    return None


def has_the_tracks(e: Evidence) -> Reason | None:
    """Enough of the wished tracks by names or lengths. A single disc of several is a part, not another work."""
    share = e.coverage
    if share is None or e.off_lengths or e.proved_by_length:
        return None
    told = e.mapped.readable >= LEAST_SHARE or any(p.secs_off is not None for p in e.mapped.pairs)
    lengths_known = any(f.duration_secs for f in e.contents.audio) and any(t.duration_secs for t in e.wish.tracks)
    if e.mapped.readable < LEAST_SHARE and lengths_known:
        missed = e.by_length < 0.75 * min(e.requested, max(1, len(e.mapped.chosen)))
    else:
        named_here = sum(p.name is None or p.name >= ALIKE for p in e.mapped.pairs)
        named_here = max(min(named_here, e.served), round(e.mapped.named * e.requested))
        missed = named_here < LEAST_SHARE * e.requested and not _whole_disc(e)
    if (told or lengths_known) and missed:
        return _refusal(
            "other_tracks", f"Only {e.served} of {e.requested} tracks are in it.", expected=e.requested, found=e.served
        )
    return None


def _whole_disc(e: Evidence) -> bool:
    """Does it hold one disc of the wish, whole or nearly so?"""
    discs: dict[int, int] = {}
    for t in e.wish.tracks:
        discs[t.disc_number] = discs.get(t.disc_number, 0) + 1
    mapped = [e.wish.tracks[p.track].disc_number for p in e.mapped.pairs]
    return len(discs) > 1 and any(mapped.count(d) >= WHOLE_DISC * n for d, n in discs.items())


def is_the_recording(e: Evidence) -> Reason | None:
    if e.off_lengths:
        m = e.mapped
        return _refusal(
            "other_recording", f"The names fit and {m.off_length} of {m.timed} lengths do not: clips, a concert, or another speed.",
            wrong=m.off_length, compared=m.timed,
        )  # fmt: skip
    return None


def has_a_real_size(e: Evidence) -> Reason | None:
    """Do the bytes of the assigned files carry the wished lengths in the claimed quality?"""
    if _all_clips(e):
        return _refusal("implausible_size", "All its files are equally short: clips.", secs=CLIP_SECS)
    secs = e.offered_secs or e.wished_secs
    band = e.quality.band
    size = sum(e.mapped.files[p.file].file.size_bytes for p in e.mapped.pairs)
    if not e.contents.audio and e.release.size_bytes and e.wish.tracks and all(t.duration_secs for t in e.wish.tracks):
        size, secs = e.release.size_bytes, sum(t.duration_secs or 0 for t in e.wish.tracks)
        if e.is_set or e.title.part:
            return None
    if not secs or not size or band is None:
        return None
    kbps = size * 8 / 1000 / secs
    low, high = PLAUSIBLE_KBPS[band]
    if not e.contents.audio:
        high *= 3  # pictures, bonus tracks and other discs weigh too
    if not low <= kbps <= high:
        claimed = f"{kbps:.0f} kbit/s over the wished length cannot be {e.quality.text}."
        return _refusal("implausible_size", claimed, kbps=round(kbps))
    return None


def _all_clips(e: Evidence) -> bool:
    """Every file as long as the next one and short: previews, where the wish knows no lengths."""
    offered = [f.duration_secs for f in e.contents.audio if f.duration_secs]
    if len(offered) < max(ENOUGH_SIZES, len(e.contents.audio)) or any(t.duration_secs for t in e.wish.tracks):
        return False
    return max(offered) <= CLIP_SECS and _spread(offered) < 0.05


def _spread(values: Sequence[float]) -> float:
    return pstdev(values) / fmean(values)


_SAID_OTHERWISE = {
    "live": ("live_recording", "It is a concert; the studio album is wished."),
    "remix": ("remixes", "It holds remixes; the album itself is wished."),
    "demo": ("demos", "It holds demos or sessions; the finished album is wished."),
    "compilation": ("compilation", "It is a collection; the album itself is wished."),
    "tribute": ("tribute", "Somebody else plays the songs: a tribute, covers or karaoke."),
    "instrumental": ("instrumental", "It leaves the voices out."),
    "acoustic": ("acoustic_version", "It is an acoustic version."),
    "score": ("score", "It is the score; the songs are wished."),
    "single": ("single", "It is a single or an EP; the album is wished."),
}


def says_nothing_else(e: Evidence) -> Reason | None:
    """Words for another recording that the wish does not use. A set that holds the album whole may be called anything."""
    for mark, (code, message) in _SAID_OTHERWISE.items():
        if mark not in e.offered_marks or mark in e.wished_marks:
            continue
        if mark in {"compilation", "single"} and e.proved and (e.coverage or 0) >= LEAST_SHARE:
            continue
        if e.proved_by_length and mark not in {"tribute", "instrumental"}:  # both keep the lengths of the songs
            continue
        return _refusal(code, message)
    return None


GATES: tuple[Callable[[Evidence], Reason | None], ...] = (
    holds_no_programs,
    stays_in_its_folder,
    is_music,
    is_by_the_artist,
    is_the_album,
    says_nothing_else,
    has_the_tracks,
    is_the_recording,
    has_a_real_size,
)


def year_fit(e: Evidence) -> float | None:
    """1 for the wished year, 0.9 for its neighbour, 0 for another; None where one of them is unknown."""
    if e.wish.year is None or not e.years:
        return None
    off = min(abs(y - e.wish.year) for y in e.years)
    return 1.0 if off == 0 else 0.9 if off == 1 else 0.0


def _quoted(e: Evidence) -> str:
    words = " ".join(e.title.leftover[:6])
    return f"“{words}”" if words else "its title"


def _few(paths: tuple[str, ...]) -> list[JsonValue]:
    return [p[:200] for p in paths[:3]]


def _refusal(code: str, message: str, **evidence: JsonValue) -> Reason:
    return Reason(code, message, "Approve it by hand if you know better.", evidence)
