"""Releases that another program chose: a grab becomes a ticket that has its release from birth. The same grab again is the
same ticket. What was chosen was shown before (`grab`), or comes with the address it can be had from (`push`)."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from urllib.parse import SplitResult, parse_qsl, urlsplit

from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.release import Release
from earmark.core.states import Approved, AutoApproved, Completed, Failed, TicketState
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import InfoHash
from earmark.core.wish import Kind, TicketRequest
from earmark.core.wishing import wish_of
from earmark.pipeline import desk, searching
from earmark.pipeline.desk import Filed
from earmark.pipeline.ebooks import check_request
from earmark.pipeline.grab import bring, in_turn, keep, torrent_record
from earmark.pipeline.house import House
from earmark.pipeline.indexing import listed
from earmark.pipeline.outside import OfferUnknown, offered
from earmark.pipeline.searching import Asker
from earmark.pipeline.torrentbox import magnet_hash
from earmark.ports import Magnet
from earmark.store import Offer, TorrentRecord, Tx, candidates, decisions, offers, tickets, torrents
from earmark.store.codec import as_json, dump
from earmark.store.offers import key_of

__all__ = ["Filed", "GrabFailed", "OfferUnknown", "Pushed", "grab", "push"]

S = TicketState

PUSHED = "push"  # the key of releases that belong to no indexer of ours
MAM_HOST, MAM_DOWNLOAD = "www.myanonamouse.net", "/tor/download.php"
LINK_CHARS = 8000
GRABS = uuid.UUID("6d1b0c1e-6f0e-5b57-9d0e-0d6a4c1f7a3e")  # the space that tickets' ids are made in


class GrabFailed(PermanentError):
    """The indexer did not give the torrent; its own error is the cause."""


async def grab(house: House, indexer_id: int, guid: str, *, asker: Asker, actor: str) -> Filed:
    """File a ticket for a release that was offered. The torrent is fetched first: what cannot be had makes no ticket. A ticket
    that failed is tried again, one that was cancelled or taken back gets a successor. Raises `OfferUnknown`, `GrabFailed`, and
    PermanentError for what no shelf of ours takes (`grab_not_shelvable`, `no_ebook_library`)."""
    offer = await offered(house, key_of(indexer_id, guid))
    async with in_turn(house, offer.release):
        return await _taken(house, offer, offer.key, asker, actor)


async def _taken(house: House, offer: Offer, name: str, asker: Asker, actor: str) -> Filed:
    """The ticket for an offer; `name` is what its id is made of."""
    async with house.db.read() as tx:
        standing, _ = await _standing(tx, name, offer.release)
    if standing is not None:
        return Filed(await _again(house, standing, actor), created=False)
    request = request_of(offer.release, asker.program)
    check_request(house.settings.library, request)
    try:
        _, info_hash = await bring(house, offer.release, offer.indexer_id, asker=asker)
    except EarmarkError as error:
        raise grab_failed(offer.release, error) from error
    if info_hash is None:
        raise grab_failed(offer.release, _no_hash())
    return await file_chosen(house, name, request, offer.release, info_hash, actor)


def request_of(release: Release, program: str) -> TicketRequest:
    """The request for this release. Raises PermanentError when it is nothing that could be put on a shelf."""
    kind, wish = wish_of(release)
    if kind in {None, Kind.MUSIC} or not wish.title:
        what = "music" if kind is Kind.MUSIC else "no book, as far as its categories and title tell"
        raise PermanentError(
            Reason(
                "grab_not_shelvable",
                f"“{release.title[:200]}” is {what}, and cannot be shelved from the release alone.",
                "Music needs a list of its tracks: file it with POST /api/v1/ticket. For anything else use another program."
                if kind is Kind.MUSIC
                else "Grab an audiobook or an e-book; for anything else use another program.",
                {"title": release.title[:200], "categories": list(release.categories[:20])},
            )
        )
    assert kind is not None
    return TicketRequest(kind, wish, requested_by=program)


async def file_chosen(
    house: House, name: str, request: TicketRequest, release: Release, info_hash: InfoHash, actor: str
) -> Filed:
    """The ticket with its release, torrent and decision, in one transaction."""
    vip_member = bool(house.account and house.account.vip_member)
    decision = await house.matcher.judge(request.kind, request.wish, [release], vip_member=vip_member)
    now = house.now()
    digest = hashlib.sha256(dump(TicketRequest, replace(request, requested_by="")).encode()).hexdigest()
    async with house.write() as tx:
        standing, ticket_id = await _standing(tx, name, release, info_hash)
        if standing is not None:
            return Filed(standing, created=False)
        new = Ticket(ticket_id, request, digest, now, now, Approved(0, actor, now), wake_at=now)
        told: dict[str, JsonValue] = {
            "selected_idx": 0,
            "message": f"chosen by {request.requested_by} through the Prowlarr interface",
        }
        await tickets.create(tx, new, actor, told)
        await candidates.replace(tx, ticket_id, decision.candidates)
        await decisions.record(tx, ticket_id, decision, as_json(type(request.wish), request.wish), [], now)
        await torrents.record(tx, torrent_record(house, ticket_id, release, info_hash))
    return Filed(new, created=True)


# --- what comes with its own address --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pushed:
    """A release as a program that watches feeds pushes it. Every text is hostile, and addresses often hold a passkey: they
    are used once and never kept."""

    title: str
    download_url: str | None = None
    magnet_url: str | None = None
    indexer: str | None = None
    size_bytes: int | None = None
    categories: tuple[int, ...] = ()
    info_url: str | None = None
    info_hash: str | None = None
    published_at: datetime | None = None


async def push(house: House, pushed: Pushed, *, asker: Asker, actor: str) -> Filed:
    """File a ticket for a release that a program brings along: by a link of ours, by an address of one of our indexers, or by
    any other address or magnet link. The same link, or the same torrent by another one, is the same ticket. Raises as `grab`
    does, and PermanentError for what is no address (`bad_download_link`, `not_a_magnet`)."""
    link = _link_of(pushed)
    offer = await _as_offer(house, pushed, link)
    if offer is not None:
        async with in_turn(house, offer.release):
            return await _taken(house, offer, offer.key, asker, actor)
    record = await _whose(house, link)
    release = _pushed_release(pushed, link, record.key if record is not None else PUSHED)
    async with in_turn(house, release):
        return await _brought(house, release, link, record, asker, actor)


async def _brought(
    house: House, release: Release, link: str, record: IndexerRecord | None, asker: Asker, actor: str
) -> Filed:
    claimed = InfoHash(release.info_hash) if release.info_hash else None
    async with house.db.read() as tx:
        standing, _ = await _standing(tx, release.guid, release, claimed)
    if standing is not None:
        return Filed(await _again(house, standing, actor), created=False)
    request = request_of(release, asker.program)
    check_request(house.settings.library, request)
    try:
        torrent = await _fetch_link(house, release, link, record, asker)
        info_hash = keep(house, torrent)
    except EarmarkError as error:
        raise grab_failed(release, error) from error
    private = not isinstance(torrent, Magnet) and read_torrent(torrent).private
    known = replace(release, info_hash=info_hash, private=private, magnet=None)  # the box has it, trackers and all
    return await file_chosen(house, release.guid, request, known, info_hash, actor)


async def _fetch_link(
    house: House, release: Release, link: str, record: IndexerRecord | None, asker: Asker
) -> bytes | Magnet:
    """What stands behind the link. A feed of ours is asked like for any grab; every other place through the fetcher that
    guards us from links that lead where they should not."""
    if release.magnet is not None:
        return Magnet(release.magnet)
    asked = replace(release, download_ref=link, private=False)
    if record is not None and record.sort is not IndexerSort.MAM:
        return await searching.fetch(house, record, asked, asker=asker, brought=True)
    if house.link_fetcher is None:
        raise PermanentError(
            Reason(
                "bad_download_link",
                "This Earmark fetches torrents from its own indexers only.",
                "Push a magnet link, or grab the release by its guid.",
            )
        )
    return await house.link_fetcher.fetch(replace(asked, indexer=PUSHED))


def _link_of(pushed: Pushed) -> str:
    """Where to get it: the address before the magnet link. Raises PermanentError for what is neither."""
    for link in (pushed.download_url, pushed.magnet_url):
        if not link or not (link := link.strip()):
            continue
        if link.lower().startswith("magnet:"):
            magnet_hash(link)
            return link
        if _parts(link) is not None:
            return link
        break
    raise PermanentError(
        Reason(
            "bad_download_link",
            "There is no http or https address and no magnet link to get the release from.",
            "Send `downloadUrl` or `magnetUrl`.",
            {"field": "downloadUrl"},
        )
    )


def _parts(link: str) -> SplitResult | None:
    """The parts of an http address; None for everything else."""
    try:
        parts = urlsplit(link)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


async def _as_offer(house: House, pushed: Pushed, link: str) -> Offer | None:
    """The offer behind one of our own download links, or the torrent of MyAnonamouse that an address of it names."""
    parts = _parts(link)
    if parts is None:
        return None
    said = dict(parse_qsl(parts.query, max_num_fields=50)) if len(parts.query) < LINK_CHARS else {}
    if parts.path.endswith("/download") and re.fullmatch("[0-9a-f]{32}", said.get("link", "")):
        async with house.db.read() as tx:
            return await offers.get(tx, said["link"])
    record = await _whose(house, link)
    if record is None or record.sort is not IndexerSort.MAM:
        return None
    page = re.fullmatch(r"/t/([1-9][0-9]{0,17})/?", parts.path)
    number = page[1] if page else said.get("tid", "") if parts.path == MAM_DOWNLOAD else ""
    if not re.fullmatch("[1-9][0-9]{0,17}", number):
        return None
    guid = f"https://{MAM_HOST}/t/{number}"
    async with house.db.read() as tx:
        known = await offers.get(tx, key_of(record.id, guid))
    release = replace(
        _pushed_release(pushed, link, record.key), guid=guid, info_url=guid, download_ref=number, private=True
    )
    return known or Offer(record.id, release)


async def _whose(house: House, link: str) -> IndexerRecord | None:
    """The indexer at whose address the link leads, if it is one of ours."""
    place = _place(link)
    if place is None:
        return None
    for record in await listed(house):
        if record.enabled and place in {_place(url) for url in _addresses(house, record)}:
            return record
    return None


def tracker_places(house: House) -> frozenset[tuple[str, int]]:
    """The tracker's hosts and ports: they may be asked for a link though they are not public. Those of feeds are not
    among them: a feed's own place is asked through the feed, and whatever else runs on its machine is nobody's business who
    may push."""
    records = [record for record in house.registry.records.values() if record.sort is IndexerSort.MAM]
    return frozenset(place for r in records for url in _addresses(house, r) if (place := _place(url)))


def _addresses(house: House, record: IndexerRecord) -> tuple[str, ...]:
    if record.sort is not IndexerSort.MAM:
        return (record.facts.url,)
    return (house.settings.mam.base_url, f"https://{MAM_HOST}", f"https://{MAM_HOST.removeprefix('www.')}")


def _place(link: str) -> tuple[str, int] | None:
    parts = _parts(link)
    return (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)) if parts else None


def _pushed_release(pushed: Pushed, link: str, indexer: str) -> Release:
    """The release without the address. Its guid is a digest of it, or of the torrent a magnet link names."""
    magnet = link if link.lower().startswith("magnet:") else None
    named = magnet_hash(magnet) if magnet else pushed.info_hash or ""
    info_hash = named.lower() if re.fullmatch("[0-9a-fA-F]{40}", named) else None
    digest = hashlib.sha256((info_hash if magnet and info_hash else link).encode("utf-8", "replace")).hexdigest()
    return Release(
        guid=f"push:{digest[:40]}",
        indexer=indexer,
        title=pushed.title,
        size_bytes=pushed.size_bytes,
        categories=pushed.categories,
        info_url=pushed.info_url if _parts(pushed.info_url or "") else None,
        info_hash=info_hash,
        published_at=pushed.published_at,
        magnet=magnet,
        private=False,  # nobody said so; the torrent's own flag says it to the client
    )


# --- which ticket ---------------------------------------------------------------------------------------------------------


async def _standing(
    tx: Tx, name: str, release: Release, info_hash: InfoHash | None = None
) -> tuple[Ticket | None, TicketId]:
    """The ticket that stands for this grab, if there is one, and the id for a new one."""
    for generation in count():
        ticket_id = TicketId(str(uuid.uuid5(GRABS, f"{name} {generation}" if generation else name)))
        known = await tickets.get(tx, ticket_id)
        if known is None:
            break
        if not _is_over(known):
            return known, ticket_id
    held = await (torrents.get(tx, info_hash) if info_hash else torrents.by_guid(tx, release.guid, release.indexer))
    if held is None:
        return None, ticket_id
    counting = await tickets.counting_on(tx, held.info_hash)
    for other_id in dict.fromkeys([*counting, *([held.ticket_id] if held.ticket_id else [])]):
        other = await tickets.require(tx, other_id)
        if await _counts_on(tx, other, held):
            return other, ticket_id
    return None, ticket_id


def _is_over(ticket: Ticket) -> bool:
    """Did somebody want it no longer?"""
    undone = isinstance(ticket.payload, Completed) and ticket.payload.undone_at is not None
    return undone or ticket.state in {S.CANCELLED, S.REJECTED}


async def _counts_on(tx: Tx, ticket: Ticket, held: TorrentRecord) -> bool:
    """Has another ticket this torrent, or has it chosen the release that it came by?"""
    if _is_over(ticket) or ticket.state is S.FAILED:
        return False
    if isinstance(ticket.payload, Approved | AutoApproved):
        chosen = await candidates.get(tx, ticket.id, ticket.payload.selected_idx)
        return chosen is not None and (chosen.release.guid, chosen.release.indexer) == (held.guid, held.indexer)
    return ticket.torrent_hash == held.info_hash


async def _again(house: House, ticket: Ticket, actor: str) -> Ticket:
    """A ticket that failed goes on; any other one is on its way or done."""
    if isinstance(ticket.payload, Failed) and ticket.payload.retryable:
        return await desk.retry(house, ticket.id, actor)
    return ticket


# --- what went wrong ------------------------------------------------------------------------------------------------------


def grab_failed(release: Release, error: EarmarkError) -> GrabFailed:
    why = error.reason
    return GrabFailed(
        Reason(
            "grab_failed",
            f"“{release.title[:200]}” could not be fetched: {why.message}",
            why.action,
            {"code": why.code, "indexer": release.indexer, **why.evidence},
        )
    )


def _no_hash() -> EarmarkError:
    return EarmarkError.of(
        "not_a_magnet",
        "The indexer has only a magnet link without a version 1 info-hash.",
        "Choose another release.",
    )
