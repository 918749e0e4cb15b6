"""What the pages say: states as stories, numbers as people read them, the way of a ticket, the form of a wish."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from web_pieces import S
from web_world import FakeDesk

from earmark.core.states import NeedsApproval, TicketState
from earmark.core.ticket import Waiting
from earmark.core.wish import BookWish, Kind
from earmark.web import figures, humane, ticketpage, timeline, wishes, words
from earmark.web.guard import local_path
from earmark.web.tree import tree

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def test_every_state_has_a_label_and_a_story_with_what_since_and_what_comes_next(desk: FakeDesk) -> None:
    told = {v.ticket.state: words.story(v.ticket) for v in desk.views.values()}
    assert set(told) == set(TicketState) == set(words.LABELS)
    for state, story in told.items():
        assert story.what and story.then and story.since.tzinfo, state


def test_every_state_that_stops_for_a_person_names_an_action(desk: FakeDesk) -> None:
    for view in desk.views.values():
        if view.ticket.state in {S.NEEDS_APPROVAL, S.FAILED}:
            assert words.story(view.ticket).do


def test_a_wait_tells_its_reason_its_action_and_the_next_try(desk: FakeDesk) -> None:
    waiting = next(v.ticket for v in desk.views.values() if v.ticket.waiting)
    story = words.story(waiting)
    assert isinstance(waiting.waiting, Waiting)
    assert story.why == (waiting.waiting.reason.message,)
    assert story.next_at == waiting.waiting.until
    assert story.do == waiting.waiting.reason.action
    assert words.tone(waiting) == "wait"


def test_an_ebook_is_read_and_not_bound(desk: FakeDesk) -> None:
    at_work = next(v.ticket for v in desk.views.values() if v.ticket.state is S.CONVERTING)
    text = replace(at_work, request=replace(at_work.request, kind=Kind.EBOOK))
    story = words.story(replace(text, payload=replace(text.payload, total_tracks=0)))
    assert story.what.startswith("Reading the e-book") and "decod" not in story.then


def test_cancelling_names_what_it_costs_in_every_state_that_can_be_cancelled(desk: FakeDesk) -> None:
    costs = {v.ticket.state: words.cancel_cost(v.ticket, 135_000_000) for v in desk.views.values()}
    assert "129 MiB" in costs[S.DOWNLOADING]
    assert "deleted" in costs[S.DOWNLOADING]
    assert "taken out of the library" in costs[S.PLACING]
    assert "Nothing was downloaded" in costs[S.SEARCHING]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (327155712, "312 MiB"), (2**41, "2.0 TiB")],
)
def test_sizes_are_binary_and_unknown_is_never_zero(value: int | None, text: str) -> None:
    assert humane.size(value) == text


@pytest.mark.parametrize(
    ("secs", "text"),
    [(None, "unknown"), (0, "0 s"), (42, "42 s"), (60, "0:01 h"), (23_760, "6:36 h"), (400_000, "111:06 h")],
)
def test_durations_are_hours_and_minutes(secs: float | None, text: str) -> None:
    assert humane.duration(secs) == text


@pytest.mark.parametrize(
    ("secs", "text"),
    [
        (10, "just now"),
        (150, "2 min ago"),
        (7200, "2 h ago"),
        (100_000, "yesterday"),
        (5 * 86400, "5 days ago"),
        (60 * 86400, "11 Jan 2026"),
        (-20, "in a moment"),
        (-1500, "in 25 min"),
    ],
)
def test_times_are_told_from_now(secs: float, text: str) -> None:
    assert humane.relative(NOW - timedelta(seconds=secs), NOW) == text


def test_progress_has_a_real_denominator() -> None:
    assert humane.progress_amount(135e6, 327155712, "bytes") == "129 MiB of 312 MiB"
    assert humane.progress_amount(4820, 10400, "seconds") == "1:20 of 2:53 h"
    assert humane.progress_amount(1, 4, "files") == "1 of 4 files"


def test_the_line_of_time_marks_what_is_done_what_is_now_and_what_is_to_come(desk: FakeDesk) -> None:
    view = next(v for v in desk.views.values() if v.ticket.state is S.CONVERTING)
    line = timeline.phases(view.ticket, view.events)
    assert [p.mark for p in line] == ["done", "done", "done", "done", "now", "todo", "todo"]
    assert line[3].took_secs == 9 * 60


def test_a_failure_is_marked_where_it_happened(desk: FakeDesk) -> None:
    view = next(v for v in desk.views.values() if v.ticket.state is S.FAILED)
    marks = {p.name: p.mark for p in timeline.phases(view.ticket, view.events)}
    assert marks["Bind"] == "failed"
    assert marks["Download"] == "done"
    assert marks["Place"] == "todo"


def test_a_cancelled_ticket_ends_where_it_was(desk: FakeDesk) -> None:
    view = next(v for v in desk.views.values() if v.ticket.state is S.CANCELLED)
    marks = {p.name: p.mark for p in timeline.phases(view.ticket, view.events)}
    assert marks["Download"] == "ended"
    assert marks["Decide"] == "done"
    assert marks["Bind"] == "todo"


def test_binding_shows_one_segment_a_chapter(desk: FakeDesk) -> None:
    view = next(v for v in desk.views.values() if v.ticket.state is S.CONVERTING)
    shown = figures.figures(view.ticket, view.progress)
    assert shown is not None
    assert shown.segments.count("done") == 4
    assert shown.segments.count("now") == 1
    assert len(shown.segments) == 12


def test_a_tree_shows_folders_first_in_natural_order_with_their_sizes() -> None:
    lines = tree([("B/10.mp3", 3), ("B/9.mp3", 4), ("cover.jpg", None), ("A/1.mp3", 1)])
    assert [(n.name, n.depth, n.size) for n in lines] == [
        ("A", 0, 1),
        ("1.mp3", 1, 1),
        ("B", 0, 7),
        ("9.mp3", 1, 4),
        ("10.mp3", 1, 3),
        ("cover.jpg", 0, None),
    ]


def test_what_may_be_done_follows_the_state(desk: FakeDesk) -> None:
    can = {v.ticket.state: ticketpage.allowed(v.ticket) for v in desk.views.values() if v.ticket.waiting is None}
    assert can[S.DOWNLOADING].cancel and not can[S.DOWNLOADING].magnet
    assert can[S.NEEDS_APPROVAL].reject and can[S.NEEDS_APPROVAL].search
    assert not any((can[S.COMPLETED].cancel, can[S.COMPLETED].retry, can[S.COMPLETED].search))
    waits = next(v.ticket for v in desk.views.values() if v.ticket.waiting)
    assert ticketpage.allowed(waits).try_now


def test_nothing_found_offers_a_search_and_not_an_approval(desk: FakeDesk) -> None:
    bare = next(
        v.ticket
        for v in desk.views.values()
        if isinstance(v.ticket.payload, NeedsApproval) and v.ticket.payload.candidate_count == 0
    )
    assert words.story(bare).ask == "search"
    assert not ticketpage.allowed(bare).approve


# --- the form of a wish -----------------------------------------------------------------------------------------------


def test_a_wish_is_read_with_its_people_apart() -> None:
    form = wishes.read(
        {
            "title": "  Good   Omens ",
            "author": "Terry Pratchett & Neil Gaiman",
            "year": "1990",
            "isbn": "978-0-575-04800-4",
            "language": "en",
        },
        "new",
    )
    assert form.request is not None
    assert form.request.wish == BookWish(
        "Good Omens", ("Terry Pratchett", "Neil Gaiman"), year=1990, isbn="9780575048004", language="en"
    )
    assert form.ticket_id == "new"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("title", "\x00\x07"),
        ("title", "x" * 501),
        ("year", "18"),
        ("year", "٢٠٢٠"),
        ("year", "0000"),
        ("language", "klingon"),
        ("asin", "short"),
        ("isbn", "12"),
        ("series_index", "x" * 21),
    ],
)
def test_a_field_that_cannot_stay_says_what_to_write(name: str, value: str) -> None:
    form = wishes.read({"title": "Emma"} | {name: value}, "new")
    assert form.request is None
    assert list(form.errors) == [name]
    assert form.errors[name].endswith(".")


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "tickets",
        None,
        7,
        "/other",
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_place(evil: object) -> None:
    assert local_path(evil, "/earmark") == "/earmark/"


def test_after_signing_in_one_lands_where_one_wanted_to_go() -> None:
    assert local_path("/tickets?state=failed", "") == "/tickets?state=failed"


def test_reasons_keep_their_words_in_the_history() -> None:
    moment = timeline.history(
        [_Event("waiting", {"waiting": {"reason": {"code": "x", "message": "The disk is full.", "action": "y"}}})]
    )[0]
    assert moment.title == "On hold"
    assert moment.text == "The disk is full."


class _Event:
    def __init__(self, type: str, payload: dict[str, object]) -> None:
        self.seq, self.at, self.type, self.payload = 1, NOW, type, payload


def test_a_move_that_is_told_again_with_its_facts_is_one_moment() -> None:
    moved = _Event("state_change", {"old_state": "CONVERTING", "new_state": "FAILED", "actor": "earmark"})
    facts = _Event("failed", {"error": {"code": "x", "message": "The disk is full.", "action": "y"}})
    assert [(m.title, m.text) for m in timeline.history([moved, facts])] == [("Failed", "The disk is full.")]


def test_a_search_tells_its_words_and_what_each_indexer_found() -> None:
    note = _Event("note", {"what": "searched", "query": "emma", "answers": {"mam": 2, "jackett": "indexer_away"}})
    moment = timeline.history([note])[0]
    assert moment.title == "Searched for “emma”"
    assert moment.text == "mam: 2 releases, jackett: indexer away"


def test_a_message_gets_its_capital_and_its_stop() -> None:
    assert humane.sentence("sqlite answers") == "Sqlite answers."
    assert humane.sentence("Done!") == "Done!"
    assert humane.sentence("  ") == ""
