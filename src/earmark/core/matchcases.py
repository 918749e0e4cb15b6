"""Wishes and releases as plain JSON values, for `earmark match`, and decisions on their way out. Reads nothing from disk.

A release may be a row of our labelled sets, a release of Prowlarr's search (`prowlarr-contract`, ReleaseResource) or a row of
the MyAnonamouse search, which the caller's `mam_row` reads. Errors name the field and the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.reading import languages
from earmark.core.reasons import JsonValue, PermanentError
from earmark.core.release import Freeleech, Release, ReleaseFile, SeriesRef
from earmark.core.wish import AlbumWish, BookWish, Kind, TrackWish, Wish

MamRow = Callable[[object], Release]
_KINDS = ", ".join(f"“{k}”" for k in Kind)


@dataclass(frozen=True, slots=True)
class MatchCase:
    """One wish with what was offered for it."""

    id: str | None
    kind: Kind
    wish: Wish
    releases: tuple[Release, ...]
    vip_member: bool


def read_case(value: object, *, mam_row: MamRow) -> MatchCase:
    """A line of a case file: {"id"?, "wish", "releases", "account"?}; what else it holds (labels) is not looked at."""
    case = _object(value, "the line")
    kind, wish = read_wish(case.get("wish"))
    account = case.get("account")
    vip = bool(account.get("vip")) if isinstance(account, Mapping) else False
    name = case.get("id")
    return MatchCase(
        None if name is None else str(name), kind, wish, read_releases(case.get("releases"), mam_row=mam_row), vip
    )


def read_wish(value: object) -> tuple[Kind, Wish]:
    """A wish object. Raises PermanentError naming the field that is missing or of the wrong type."""
    wish = _object(value, "wish")
    written = wish.get("kind", "music" if "tracks" in wish else "audiobook")
    if written not in set(Kind):
        raise _bad("wish.kind", f"is {written!r}", f"Give one of {_KINDS}.")
    kind = Kind(str(written))
    return kind, _album(wish) if kind is Kind.MUSIC else _book(wish)


def _book(wish: Mapping[str, object]) -> BookWish:
    title = _text(wish, "title", "wish.")
    if not title:
        raise _bad("wish.title", "is missing or empty", "Give the title of the book.")
    minutes, secs = _number(wish, "runtime_minutes", "wish."), _number(wish, "runtime_secs", "wish.")
    abridged = wish.get("abridged")
    year = _number(wish, "year", "wish.")
    return BookWish(
        title=title,
        authors=_texts(wish, "authors", "wish."),
        narrators=_texts(wish, "narrators", "wish."),
        series=_text(wish, "series", "wish.") or None,
        series_index=_text(wish, "series_index", "wish.") or None,
        year=int(year) if year else None,
        language=languages.of_code(_text(wish, "language", "wish.")),
        isbn=_text(wish, "isbn", "wish.") or None,
        asin=_text(wish, "asin", "wish.") or None,
        runtime_secs=minutes * 60 if minutes else secs,
        abridged=abridged if isinstance(abridged, bool) else None,
    )


def _album(wish: Mapping[str, object]) -> AlbumWish:
    artist, album = _text(wish, "artist", "wish."), _text(wish, "album", "wish.")
    if not album:
        raise _bad("wish.album", "is missing or empty", "Give the title of the album.")
    year = _number(wish, "year", "wish.")
    tracks = wish.get("tracks") or []
    if not isinstance(tracks, list):
        raise _bad("wish.tracks", "is not a list", 'Give a list of {"id", "disc", "number", "name", "duration_secs"}.')
    return AlbumWish(
        artist=artist,
        album=album,
        year=int(year) if year else None,
        label=_text(wish, "label", "wish.") or None,
        genres=_texts(wish, "genres", "wish."),
        tracks=tuple(_track(t, at) for at, t in enumerate(tracks)),
    )


def _track(value: object, at: int) -> TrackWish:
    where = f"wish.tracks[{at}]"
    track = _object(value, where)
    number = _number(track, "number", f"{where}.") or _number(track, "track_number", f"{where}.")
    disc = _number(track, "disc", f"{where}.") or _number(track, "disc_number", f"{where}.")
    name = track.get("id", track.get("catalog_track_id"))
    return TrackWish(
        catalog_track_id=str(name if name is not None else at + 1),
        disc_number=int(disc or 1),
        track_number=int(number or at + 1),
        name=_text(track, "name", f"{where}.") or _text(track, "title", f"{where}."),
        duration_secs=_number(track, "duration_secs", f"{where}."),
        dest_path="",
    )


# --- releases -------------------------------------------------------------------------------------------------------------


def read_releases(value: object, *, mam_row: MamRow) -> tuple[Release, ...]:
    """A list of releases, or an object that holds one under "releases", "results" or "data"."""
    if isinstance(value, Mapping):
        value = next((value[k] for k in ("releases", "results", "data") if isinstance(value.get(k), list)), value)
    if not isinstance(value, list):
        raise _bad("releases", "is not a list", "Give a JSON array of releases.")
    return tuple(_release(row, at, mam_row) for at, row in enumerate(value))


def _release(value: object, at: int, mam_row: MamRow) -> Release:
    where = f"releases[{at}]"
    row = _object(value, where)
    if (
        "guid" not in row
        and "id" in row
        and ("author_info" in row or "lang_code" in row or "main_cat" in row or "catname" in row)
    ):
        try:
            return mam_row(row)
        except PermanentError:
            raise
        except Exception as error:
            raise _bad(
                where, f"is no row of the site's search ({error})", "Give rows as the site answers them."
            ) from error
    guid: object = row.get("guid", row.get("infoHash", row.get("id")))
    if guid is None:
        raise _bad(f"{where}.guid", "is missing", "Give every release a guid; results are named by it.")
    if "indexerId" in row or "publishDate" in row or "protocol" in row:
        return _prowlarr(row, str(guid), f"{where}.")
    return _labelled(row, str(guid), f"{where}.")


def _labelled(row: Mapping[str, object], guid: str, where: str) -> Release:
    files, count = _files(row.get("files"), where)
    flags = Freeleech(
        everyone=_flag(row, "freeleech"), vip=_flag(row, "vip"), personal=_flag(row, "personal_freeleech")
    )
    runtime, kbps = _number(row, "runtime_secs", where), _number(row, "bitrate_kbps", where)
    return Release(
        guid=guid,
        indexer=_text(row, "indexer", where),
        title=_text(row, "title", where),
        size_bytes=_count(row, "size_bytes", where) or _count(row, "size", where),
        authors=_texts(row, "authors", where),
        narrators=_texts(row, "narrators", where),
        series=_series(row.get("series"), where),
        language=languages.of_code(_text(row, "language", where)),
        filetypes=tuple(t.strip(".").lower() for t in _text(row, "filetype", where).replace(",", " ").split()),
        file_count=count,
        files=files,
        tags=_text(row, "tags", where),
        description=_text(row, "description", where) or None,
        category=_text(row, "category", where) or None,
        seeders=_count(row, "seeders", where),
        leechers=_count(row, "leechers", where),
        grabs=_count(row, "grabs", where),
        published_at=_moment(_text(row, "added", where)),
        freeleech=flags,
        runtime_secs=runtime,
        bitrate_kbps=int(kbps) if kbps else None,
    )


def _prowlarr(row: Mapping[str, object], guid: str, where: str) -> Release:
    flags = {str(f).lower() for f in _list(row.get("indexerFlags"))}
    categories = [c for c in _list(row.get("categories")) if isinstance(c, Mapping)]
    ids = {c.get("id") for c in categories}
    names = " ".join(str(c.get("name") or "") for c in categories)
    title = _text(row, "title", where)
    return Release(
        guid=guid,
        indexer=_text(row, "indexer", where),
        title=title,
        size_bytes=_count(row, "size", where),
        kind=Kind.AUDIOBOOK
        if 3030 in ids
        else Kind.EBOOK
        if any(isinstance(i, int) and 7000 <= i < 8000 for i in ids)
        else None,
        file_count=_count(row, "files", where),
        category=names or None,
        seeders=_count(row, "seeders", where),
        leechers=_count(row, "leechers", where),
        grabs=_count(row, "grabs", where),
        published_at=_moment(_text(row, "publishDate", where)),
        freeleech=Freeleech(everyone="freeleech" in flags, vip=title.rstrip().endswith("[VIP]")),
        info_url=_text(row, "infoUrl", where) or None,
        magnet=_text(row, "magnetUrl", where) or None,
        info_hash=_text(row, "infoHash", where).lower() or None,
    )


def _files(value: object, where: str) -> tuple[tuple[ReleaseFile, ...], int | None]:
    if isinstance(value, list):
        return tuple(_file(one, f"{where}files[{at}]") for at, one in enumerate(value)), len(value) or None
    return (), int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _file(value: object, where: str) -> ReleaseFile:
    one = _object(value, where)
    size = _count(one, "size", f"{where}.") or _count(one, "size_bytes", f"{where}.") or 0
    return ReleaseFile(_text(one, "path", f"{where}."), size, _number(one, "duration_secs", f"{where}."))


def _series(value: object, where: str) -> tuple[SeriesRef, ...]:
    told: list[SeriesRef] = []
    for pair in _list(value):
        if isinstance(pair, str):
            told.append(SeriesRef(pair))
        elif isinstance(pair, list) and pair and isinstance(pair[0], str):
            told.append(SeriesRef(pair[0], str(pair[1]) if len(pair) > 1 and pair[1] is not None else ""))
        elif isinstance(pair, Mapping) and isinstance(pair.get("name"), str):
            told.append(SeriesRef(str(pair["name"]), str(pair.get("index") or pair.get("number") or "")))
        else:
            raise _bad(f"{where}series", "is not a list of pairs", 'Give [["Name of the series", "1"]].')
    return tuple(told)


# --- results ----------------------------------------------------------------------------------------------------------------


def result_of(decision: Decision, case_id: str | None = None) -> dict[str, JsonValue]:
    """A decision as one JSON object: candidates best first, refused ones last."""
    word = "none" if decision.chosen_idx is None else "approve" if decision.needs_a_human else "auto"
    out: dict[str, JsonValue] = {} if case_id is None else {"id": case_id}
    out["decision"] = word
    out["confidence"] = decision.confidence
    out["candidates"] = [_candidate(c) for c in decision.candidates]
    out["reasons"] = [{"code": str(r.code), **_plain(r.numbers), "text": r.text} for r in decision.reasons]
    return out


def _candidate(c: ScoredCandidate) -> JsonValue:
    parts: list[JsonValue] = [
        {"name": p.name, "weight": p.weight, "value": p.value, "text": p.text} for p in c.components
    ]
    gates: list[JsonValue] = [{"code": g.code, "message": g.message} for g in c.gates]
    mapping: dict[str, JsonValue] = {m.catalog_track_id: m.torrent_file_path for m in c.track_mapping}
    return {
        "guid": c.release.guid,
        "title": c.release.title,
        "score": c.score,
        "components": parts,
        "gates": gates,
        "rejected": c.rejected,
        "mapping": mapping,
        "free": c.free,
        "quality": c.quality,
        "reasoning": c.reasoning,
    }


def _plain(numbers: Mapping[str, float | int | list[float]]) -> dict[str, JsonValue]:
    return {key: [*value] if isinstance(value, list) else value for key, value in numbers.items()}


# --- values -----------------------------------------------------------------------------------------------------------------


def _bad(where: str, problem: str, action: str) -> PermanentError:
    error = PermanentError.of("bad_match_input", f"{where} {problem}.", action, field=where)
    return PermanentError(error.reason)


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _bad(
            where, "is missing" if value is None else f"is {type(value).__name__}, not an object", "Give a JSON object."
        )
    return value


def _text(row: Mapping[str, object], key: str, where: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if isinstance(value, str | int | float) and not isinstance(value, bool):  # the site turns "1984" into a number
        return str(value).strip()
    raise _bad(f"{where}{key}", f"is {type(value).__name__}, not text", "Give a string.")


def _texts(row: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = row.get(key)
    if isinstance(value, str):
        return (value.strip(),) if value.strip() else ()
    names: list[str] = []
    for one in _list(value):
        if not isinstance(one, str | int):
            raise _bad(f"{where}{key}", "is not a list of texts", 'Give ["Name", "Name"].')
        names.append(str(one).strip())
    return tuple(n for n in names if n)


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _number(row: Mapping[str, object], key: str, where: str) -> float | None:
    value: object = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        written = value
        try:
            value = float(written.replace(",", ""))
        except ValueError:
            raise _bad(f"{where}{key}", f"is {written[:40]!r}, not a number", "Give a number.") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e18:
        raise _bad(f"{where}{key}", f"is {type(value).__name__}, not a sensible number", "Give a number.")
    return float(value)


def _count(row: Mapping[str, object], key: str, where: str) -> int | None:
    """A count or a size; a wrong one is left out as a site's row may be wrong there and right elsewhere."""
    try:
        value = _number(row, key, where)
    except PermanentError:
        return None
    return int(value) if value is not None and value >= 0 else None


def _flag(row: Mapping[str, object], key: str) -> bool:
    value = row.get(key)
    return value.strip().lower() in {"1", "yes", "true"} if isinstance(value, str) else bool(value)


def _moment(written: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
