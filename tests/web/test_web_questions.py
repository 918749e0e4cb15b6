"""A ticket that asks in the middle of its work: what it shows to decide by, and what an answer does."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx2
import pytest
import web_asking
from web_world import FakeDesk

from earmark.core.reasons import Reason
from earmark.core.ticket import Ticket, TicketId, Waiting
from earmark.web import questions, words


def asking(desk: FakeDesk, code: str) -> Ticket:
    return next(
        v.ticket for v in desk.views.values() if v.ticket.waiting is not None and v.ticket.waiting.reason.code == code
    )


async def post(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/add")).text)
    assert found
    return await client.post(path, data={"csrf": found.group(1)} | fields)


def test_readings_that_agree_share_a_column_and_the_places_they_dispute_are_marked(desk: FakeDesk) -> None:
    question = questions.question_of(asking(desk, "order_disputed"))
    assert question is not None and question.orders is not None
    assert question.orders.readings == ("By the file names and the folders", "By the tags")
    assert [place.number for place in question.orders.places if place.differs] == [4, 5]
    assert question.orders.folder == "The Last Man"
    assert question.orders.places[3].files == ("04 - Windsor.mp3", "05 - The Plague.mp3")


def test_a_long_order_shows_the_places_in_dispute_with_their_neighbours_and_sums_up_the_rest() -> None:
    places = tuple(
        questions.Place(n, (f"{n}", f"{n}" if n not in (40, 41) else f"{81 - n}"), n in (40, 41)) for n in range(1, 101)
    )
    brief = questions.Orders(("By the file names", "By the tags"), places, "").brief
    assert brief == (questions.Same(1, 38), *places[38:42], questions.Same(43, 100))
    short = questions.Orders(("By the file names", "By the tags"), places[:10], "")
    assert short.brief == places[:10]


def test_orders_of_different_lengths_are_shown_to_the_end(desk: FakeDesk) -> None:
    ticket = asking(desk, "order_disputed")
    orders: dict[str, object] = {"names": ["a/1.mp3", "b/2.mp3"], "tags": ["b/2.mp3"]}
    reason = replace(ticket.waiting.reason, evidence={"orders": orders, "answers": {"names": "N"}})  # type: ignore[union-attr, dict-item]
    question = questions.question_of(replace(ticket, waiting=Waiting(reason, web_asking.ago(minutes=1))))
    assert question is not None and question.orders is not None
    assert [place.files for place in question.orders.places] == [("a/1.mp3", "b/2.mp3"), ("b/2.mp3", "")]


def test_the_comparison_tells_what_would_go_what_is_new_and_what_stays(desk: FakeDesk) -> None:
    question = questions.question_of(asking(desk, "target_exists"))
    assert question is not None and question.comparison is not None
    fates = {pair.name: pair.fate for pair in question.comparison.pairs}
    assert fates == {
        "The Last Man.m4b": "goes",
        "The Last Man - old rip.mp3": "goes",
        "metadata.json": "new",
        "cover.jpg": "same",
        "my notes.txt": "stays",
    }


def test_a_ticket_that_only_waits_asks_nothing(desk: FakeDesk) -> None:
    ticket = asking(desk, "no_free_slot")
    assert questions.question_of(ticket) is None
    assert not words.asks(ticket)


def test_a_ticket_that_asks_says_so_in_badge_tone_and_story(desk: FakeDesk) -> None:
    ticket = asking(desk, "target_exists")
    assert words.badge(ticket) == "Asks you"
    assert words.tone(ticket) == "you"
    story = words.story(ticket)
    assert story.what == "It waits for your answer"
    assert story.ask == "answer"


def test_evidence_of_a_strange_shape_breaks_no_page(desk: FakeDesk) -> None:
    for odd in ({"orders": ["x"]}, {"found": "x", "wanted": None}, {"files": 3, "folder": ["x"]}, {"orders": {}}):
        reason = Reason("odd_one", "Odd.", "Do.", {"answers": {"go_on": "Go on"}, "question": "odd_one", **odd})  # type: ignore[dict-item]
        ticket = replace(asking(desk, "order_disputed"), waiting=Waiting(reason, web_asking.ago(minutes=1)))
        question = questions.question_of(ticket)
        assert question is not None and question.answers == (("go_on", "Go on"),)


@pytest.mark.parametrize("code", ["order_disputed", "target_exists", "review_before_import", "already_on_shelf"])
async def test_the_page_shows_a_button_for_each_answer_the_first_one_foremost(
    admin: httpx2.AsyncClient, desk: FakeDesk, code: str
) -> None:
    ticket = asking(desk, code)
    text = (await admin.get(f"/tickets/{ticket.id}")).text
    question = questions.question_of(ticket)
    assert question is not None
    asked = text.split('class="question"')[1].split("</section>")[0]
    for word, meaning in question.answers:
        assert f'name="word" value="{word}"' in asked
        assert meaning in asked
    assert asked.count("button first") == 1
    assert f'button first" type="submit">{question.answers[0][1]}<' in asked
    assert "--order" not in asked, "the words of the command line have no place here"


async def test_an_answer_is_handed_to_the_desk_and_the_ticket_goes_on(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    ticket = asking(desk, "target_exists")
    answer = await post(admin, f"/tickets/{ticket.id}/answer", word="replace")
    assert answer.headers["location"] == f"/tickets/{ticket.id}?done=answered"
    assert desk.heard == [("answer", ticket.id, "replace", "admin")]
    assert 'class="question"' not in (await admin.get(f"/tickets/{ticket.id}")).text


async def test_a_word_that_is_no_answer_is_refused_with_the_words_that_are(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    answer = await post(admin, f"/tickets/{asking(desk, 'target_exists').id}/answer", word="nonsense")
    assert answer.status_code == 400
    assert "replace, again" in answer.text
    assert desk.heard == []


async def test_a_user_sees_the_question_but_may_not_answer(user: httpx2.AsyncClient, desk: FakeDesk) -> None:
    ticket = asking(desk, "order_disputed")
    text = (await user.get(f"/tickets/{ticket.id}")).text
    assert "In which order is it to be heard?" in text
    assert 'name="word"' not in text
    assert (await post(user, f"/tickets/{ticket.id}/answer", word="names")).status_code == 403
    assert desk.heard == []


async def test_an_answer_without_our_token_does_nothing(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    path = f"/tickets/{asking(desk, 'order_disputed').id}/answer"
    assert (await admin.post(path, data={"word": "names", "csrf": "0" * 64})).status_code == 403
    assert desk.heard == []


async def test_home_approvals_and_the_list_show_tickets_that_ask_among_those_that_need_a_person(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    ids: list[TicketId] = [t.id for t in await desk.asking()]
    assert len(ids) == 4
    home = (await admin.get("/")).text
    needs_you = home.split("Needs you<")[1].split("</section>")[0]
    for path in ("/approvals", "/tickets?state=you"):
        text = (await admin.get(path)).text
        assert all(f'id="row-{i}"' in text for i in ids), path
    assert all(f"/tickets/{i}" in needs_you for i in ids)
    assert all(home.count(f'href="/tickets/{i}"') == 2 for i in ids), "in one list only: a title and a button"
    assert '<span class="count">7<' in home, "three to choose, four to answer"
