"""Numbers and times as people read them: binary sizes, durations as h:mm, relative times. Pure text, no markup; unknown is
the word "unknown", never zero. `static/live.js` writes the same forms in place, so keep the two alike."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "unknown"
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def size(value: float | None) -> str:
    """Bytes: 812 B, 1.4 MiB, 312 MiB."""
    if value is None:
        return UNKNOWN
    if value < 1024:
        return f"{value:.0f} B"
    amount = float(value)
    for unit in _UNITS:
        amount /= 1024
        if amount < 1023.5 or unit == _UNITS[-1]:
            break
    return f"{amount:.1f} {unit}" if amount < 100 else f"{amount:.0f} {unit}"


def speed(value: float | None) -> str:
    return UNKNOWN if value is None else f"{size(value)}/s"


def duration(secs: float | None) -> str:
    """6:36 h from one minute up, 42 s below."""
    if secs is None:
        return UNKNOWN
    if secs < 60:
        return f"{max(0, round(secs))} s"
    minutes = int(secs // 60)
    return f"{minutes // 60}:{minutes % 60:02} h"


def duration_spoken(secs: float | None) -> str:
    """The same for screen readers and titles: 11 h 4 min."""
    if secs is None:
        return UNKNOWN
    if secs < 60:
        return f"{max(0, round(secs))} seconds"
    minutes = int(secs // 60)
    return f"{minutes // 60} h {minutes % 60} min"


def clock(secs: float) -> str:
    """A place in a recording: h:mm:ss."""
    whole = max(0, int(secs))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def relative(at: datetime, now: datetime) -> str:
    """just now · 12 min ago · 3 h ago · yesterday · 5 days ago · 12 Mar 2026, and the same ahead: in 5 min."""
    secs = (now - at).total_seconds()
    ahead, span = secs < 0, abs(secs)
    if span < 45:
        return "in a moment" if ahead and span > 5 else "just now"
    if span < 3600:
        amount = f"{max(1, round(span / 60))} min"
    elif span < 86400:
        amount = f"{round(span / 3600)} h"
    elif span < 2 * 86400:
        return "tomorrow" if ahead else "yesterday"
    elif span < 30 * 86400:
        amount = f"{int(span // 86400)} days"
    else:
        return f"{at.day} {at:%b %Y}"
    return f"in {amount}" if ahead else f"{amount} ago"


def absolute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def percent(value: float | None) -> str:
    """A share of 0..1 as whole percent."""
    return UNKNOWN if value is None else f"{value * 100:.0f} %"


def number(value: float | None) -> str:
    """1 234 567 with narrow spaces between the thousands."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return text.replace(",", "\u202f")


def sentence(text: str) -> str:
    """With a capital at its head and a stop at its end, whoever wrote it."""
    told = text.strip()
    if not told:
        return ""
    return told[0].upper() + told[1:] + ("" if told[-1] in ".!?…”" else ".")


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def progress_amount(done: float, total: float, unit: str) -> str:
    """`312 MiB of 1.2 GiB`, `2:41 of 11:04 h`, `3 of 12 files`."""
    if unit == "bytes":
        return f"{size(done)} of {size(total)}"
    if unit == "seconds":
        return f"{duration(done).removesuffix(' h')} of {duration(total)}"
    return f"{number(round(done))} of {plural(round(total), unit.rstrip('s') or 'part')}"
