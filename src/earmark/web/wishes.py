"""The form of a wish: what a person typed becomes a `TicketRequest`, or stays on the page with a word at each field that
cannot stay as it is. Says what is wrong and how to put it right; files nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from earmark.core.reasons import EarmarkError
from earmark.core.ticket import TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest

LANGUAGES: dict[str, str] = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "sv": "Swedish",
    "da": "Danish",
    "no": "Norwegian",
    "fi": "Finnish",
    "is": "Icelandic",
    "pl": "Polish",
    "cs": "Czech",
    "hu": "Hungarian",
    "ro": "Romanian",
    "el": "Greek",
    "ru": "Russian",
    "uk": "Ukrainian",
    "tr": "Turkish",
    "he": "Hebrew",
    "ar": "Arabic",
    "hi": "Hindi",
    "ja": "Japanese",
    "ko": "Korean",
    "zh": "Chinese",
}

KINDS: dict[str, str] = {"audiobook": "Audiobook", "ebook": "E-book"}

FIELDS = ("kind", "title", "author", "narrator", "series", "series_index", "year", "language", "asin", "isbn")
LONGEST = 500


@dataclass(frozen=True, slots=True)
class WishForm:
    """What was typed, and what is wrong with it. `ticket_id` was made with the page: posting twice files once."""

    ticket_id: str
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    request: TicketRequest | None = None

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.errors.get(name, "")


def blank(ticket_id: str, values: Mapping[str, str] | None = None) -> WishForm:
    return WishForm(ticket_id, {k: v for k, v in (values or {}).items() if k in FIELDS})


def read(form: Mapping[str, object], new_id: str) -> WishForm:
    """Judge a posted form. `request` is set when every field holds."""
    values = {name: _clean(form.get(name)) for name in FIELDS}
    given_id = _clean(form.get("ticket_id"))
    ticket_id = given_id if _is_uuid(given_id) else new_id
    errors = {name: text for name in FIELDS if (text := _fault(name, values[name]))}
    if errors:
        return WishForm(ticket_id, values, errors)
    wish = BookWish(
        title=values["title"],
        authors=_people(values["author"]),
        narrators=_people(values["narrator"]),
        series=values["series"] or None,
        series_index=values["series_index"] or None,
        year=int(values["year"]) if values["year"] else None,
        language=values["language"] or None,
        isbn=re.sub(r"[\s-]", "", values["isbn"]).upper() or None,
        asin=values["asin"].upper() or None,
    )
    kind = Kind(values["kind"] or Kind.AUDIOBOOK)
    return WishForm(ticket_id, values, {}, TicketRequest(kind, wish, requested_by="web"))


def refused(form: WishForm, error: EarmarkError) -> WishForm | None:
    """The form with the house's refusal at the field it names; None when it names none of them."""
    field = error.reason.evidence.get("field")
    if not isinstance(field, str) or field not in FIELDS:
        return None
    return replace(form, errors={field: f"{error.reason.message} {error.reason.action}"}, request=None)


def typed_id(form: WishForm) -> TicketId:
    return TicketId(form.ticket_id)


def _fault(name: str, value: str) -> str:
    if len(value) > LONGEST:
        return f"That is longer than {LONGEST} characters. Shorten it."
    if name == "title" and not value:
        return "A wish needs a title. Type the name of the book."
    if not value:
        return ""
    if name == "kind" and value not in KINDS:
        return "Choose one of the kinds in the list."
    if name == "year" and not (re.fullmatch(r"[0-9]{4}", value) and value > "0999"):
        return "Write the year with four digits, like 1865."
    if name == "language" and value not in LANGUAGES:
        return "Choose one of the languages in the list."
    if name == "asin" and not re.fullmatch(r"[0-9A-Za-z]{10}", value):
        return "An ASIN has ten letters and digits, like B002V0QK4C."
    if name == "isbn" and not re.fullmatch(r"[0-9]{9}[0-9Xx]|[0-9]{13}", re.sub(r"[\s-]", "", value)):
        return "An ISBN has 10 or 13 digits."
    if name == "series_index" and len(value) > 20:
        return "Write the place in the series, like 2 or 1-3."
    return ""


def _people(value: str) -> tuple[str, ...]:
    """`Terry Pratchett, Neil Gaiman` or with `&`, `;` or `and` between."""
    return tuple(dict.fromkeys(p.strip() for p in re.split(r"[,;&]|\band\b", value) if p.strip()))


def _clean(value: object) -> str:
    """One line without control characters or doubled blanks."""
    text = value if isinstance(value, str) else ""
    return re.sub(r"\s+", " ", re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", text)).strip()


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False
