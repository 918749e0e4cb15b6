"""How releases are judged for an e-book wish: by title, people and language, never by voice, length or bit rate."""

from __future__ import annotations

import dataclasses

import pytest

from earmark.core.choosing import decide
from earmark.core.decision import Decision
from earmark.core.release import Release
from earmark.core.wish import BookWish, Kind

WISH = BookWish("The Time Machine", ("H. G. Wells",), language="en")


def release(**changes: object) -> Release:
    base = Release(
        guid="https://tracker.example/t/1", indexer="mam", title="The Time Machine", size_bytes=400_000, kind=Kind.EBOOK,
        authors=("H. G. Wells",), language="en", filetypes=("epub",), seeders=12,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def judge(*releases: Release, wish: BookWish = WISH) -> Decision:
    return decide(Kind.EBOOK, wish, releases, threshold=0.85, vip_member=False)


def test_an_ebook_that_fits_is_taken_without_asking_for_a_voice_or_a_length() -> None:
    decision = judge(release(), wish=dataclasses.replace(WISH, narrators=("Ada Fenwick",), runtime_secs=3600.0))
    assert decision.chosen_idx == 0 and not decision.reasons
    assert not {c.name for c in decision.candidates[0].components} & {"narrator", "size"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": Kind.AUDIOBOOK, "filetypes": ("m4b",)}, "wrong_kind"),
        ({"kind": None, "filetypes": ("mp3",)}, "wrong_kind"),
        ({"filetypes": ("cbr",)}, "wrong_kind"),
        ({"language": "fr"}, "wrong_language"),
        ({"title": "Study Guide: The Time Machine"}, "about_the_work"),
    ],
    ids=["audiobook", "audio files", "format that cannot be read", "language", "guide"],
)
def test_what_is_no_ebook_of_the_work_is_refused(changes: dict[str, object], code: str) -> None:
    decision = judge(release(**changes))
    assert decision.chosen_idx is None
    assert code in {gate.code for gate in decision.candidates[0].gates}


def test_of_equals_the_better_format_is_taken_and_an_unstated_one_refuses_nothing() -> None:
    decision = judge(release(guid="a", filetypes=("pdf",)), release(guid="b", filetypes=("epub", "pdf")))
    assert decision.candidates[decision.chosen_idx or 0].release.guid == "b"
    assert judge(release(filetypes=(), kind=None)).chosen_idx == 0
