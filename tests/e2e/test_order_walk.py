"""The settings' search order over the whole house: the stand-in Prowlarr is asked first, the tracker itself only when that
offered nothing acceptable. The stand-ins count who called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from estate import house_over, settings_for, settled, wish

from earmark.core.states import NeedsApproval, TicketState
from earmark.core.ticket import Ticket
from earmark.core.wish import TicketRequest
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.sandbox.proxied import Quirk
from earmark.sandbox.world import World
from earmark.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SEARCH = "/tor/js/loadSearchJSONbasic.php"


def ordered(world: World, home: Path, **sections: dict[str, Any]) -> Settings:
    proxy = {"url": world.prowlarr_url, "api_key": world.prowlarr.key}
    return settings_for(world, home, prowlarr=proxy, search={"order": ["Prowlarr", "mam"]}, **sections)


def searches(world: World) -> tuple[int, int]:
    """How often the Prowlarr and the tracker were searched since the last look. The Prowlarr looks into the catalogue by
    itself, so each call at the site's search is ours."""
    theirs = sum(call["path"] == "/api/v1/search" for call in world.prowlarr.visits.calls)
    site = sum(call["path"] == SEARCH for call in world.site.log)
    world.prowlarr.visits.calls.clear()
    world.site.log.clear()
    return theirs, site


async def carried_out(house: House, request: TicketRequest) -> Ticket:
    filed = (await desk.file_ticket(house, None, request)).ticket
    ticket = await settled(house, filed.id)
    if isinstance(ticket.payload, NeedsApproval) and ticket.payload.recommended_idx is not None:
        await desk.approve(house, filed.id, ticket.payload.recommended_idx, "ann")
        ticket = await settled(house, filed.id)
    return ticket


async def source_of(house: House, ticket: Ticket) -> set[str]:
    return {candidate.release.indexer for candidate in (await desk.view(house, ticket.id)).candidates}


async def test_a_hit_at_prowlarr_means_no_search_of_the_tracker_and_none_means_one(
    world: World, tmp_path: Path
) -> None:
    """The stand-in's books are too small to be believed by their size alone; without one they are."""
    async with house_over(ordered(world, tmp_path), tmp_path) as house:
        searches(world)
        world.prowlarr.quirks.on.add(Quirk.NO_SIZE)
        hit = await carried_out(house, wish("The Time Machine", "H. G. Wells"))
        assert hit.state is TicketState.COMPLETED, hit.payload
        assert searches(world) == (1, 0)
        assert await source_of(house, hit) == {"prowlarr"}

        world.prowlarr.quirks.on.clear()
        fallback = await carried_out(house, wish("The Lost World", "Arthur Conan Doyle"))
        assert fallback.state is TicketState.COMPLETED, fallback.payload
        assert searches(world) == (1, 1), "what it offered was not acceptable, so the tracker was asked, once"
        assert await source_of(house, fallback) == {"mam"}


async def test_words_of_a_person_and_an_unreachable_prowlarr_go_the_same_way(world: World, tmp_path: Path) -> None:
    async with house_over(ordered(world, tmp_path), tmp_path) as house:
        unmatched = await carried_out(house, wish("The Time Machine of Another", "Somebody Else"))
        assert unmatched.state is TicketState.NEEDS_APPROVAL
        theirs, site = searches(world)
        assert theirs >= 1 and site >= 1

        await desk.force_search(house, unmatched.id, "journey centre earth", "ann")
        assert (await settled(house, unmatched.id)).state is TicketState.NEEDS_APPROVAL
        assert searches(world) == (1, 1)

        world.prowlarr.visits.trouble = 503
        first = await carried_out(house, wish("The Lost World", "Arthur Conan Doyle"))
        assert first.state is TicketState.COMPLETED, first.payload
        theirs, site = searches(world)
        assert theirs >= 1 and site >= 1
        second = await carried_out(house, wish("The War of the Worlds", "H. G. Wells"))
        assert second.state is TicketState.COMPLETED, second.payload
        assert searches(world)[0] == 0, "one that failed is left alone, and its turn passes"
