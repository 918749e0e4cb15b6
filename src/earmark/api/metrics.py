"""Figures for Prometheus, in a registry of the application's own. Standing figures are set when somebody asks; counters follow
the bus and the requests as they happen."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from earmark import __version__
from earmark.core.states import TicketState
from earmark.pipeline.bus import Bus
from earmark.pipeline.views import HomeView
from earmark.store import Severity

CONTENT_TYPE = CONTENT_TYPE_LATEST
LEVEL = {"ok": 0, "warning": 1, "error": 2}


class Metrics:
    """All series of one application."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._following: asyncio.Task[None] | None = None
        self.registry = CollectorRegistry()
        r = self.registry
        Gauge("earmark_build_info", "Version", ["version"], registry=r).labels(__version__).set(1)
        self._tickets = Gauge("earmark_tickets", "Tickets by state", ["state"], registry=r)
        self._transitions = Counter(
            "earmark_ticket_transitions", "Changes of state since the start", ["old_state", "new_state"], registry=r
        )
        self._download = Gauge("earmark_download_bytes_per_second", "Download rate over all torrents", registry=r)
        self._upload = Gauge("earmark_upload_bytes_per_second", "Upload rate over all torrents", registry=r)
        self._downloaded = Gauge("earmark_downloaded_bytes", "Bytes downloaded for tickets", registry=r)
        self._seeding = Gauge("earmark_seeding_torrents", "Torrents that seed", registry=r)
        self._alerts = Gauge("earmark_alerts", "Standing alerts by severity", ["severity"], registry=r)
        self._health = Gauge("earmark_health", "0 ok, 1 warning, 2 error", ["check"], registry=r)
        self._ratio = Gauge("earmark_account_ratio", "Ratio of the tracker account", registry=r)
        self._requests = Histogram(
            "earmark_http_request_seconds", "Requests by route", ["method", "route", "status"], registry=r
        )
        self.sockets = Gauge("earmark_live_connections", "Open WebSockets", registry=r)

    def request_took(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    def start(self) -> None:
        """Count changes of state from now on; once begun, further calls do nothing. Needs a running event loop."""
        if self._following is None:
            self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async with self._bus.listen() as messages:
            async for message in messages:
                if message.type == "state_change":
                    old, new = message.data.get("old_state"), message.data.get("new_state")
                    self._transitions.labels(str(old or "none"), str(new)).inc()

    def render(self, home: HomeView) -> bytes:
        stats = home.stats
        for state in TicketState:
            self._tickets.labels(state.value).set(stats.counts.get(state, 0))
        self._download.set(stats.download_bps)
        self._upload.set(stats.upload_bps)
        self._downloaded.set(stats.downloaded_bytes)
        self._seeding.set(stats.seeding)
        self._alerts.clear()
        for severity in Severity:
            self._alerts.labels(severity.value).set(0)
        for alert in home.alerts:
            self._alerts.labels(str(alert.severity)).inc()
        self._health.clear()
        for check in home.health.checks:
            self._health.labels(check.name).set(LEVEL[check.status])
        if home.account is not None and home.account.ratio is not None:
            self._ratio.set(home.account.ratio)
        return generate_latest(self.registry)
