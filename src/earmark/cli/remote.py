"""The running service, as the command line talks to it: over its own REST interface, with the key found where the service
keeps it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx2

from earmark import USER_AGENT
from earmark.cli.failures import FAILED, FORBIDDEN, UNREACHABLE, USAGE, CommandFailed
from earmark.settings_sources import Loaded

SERVICE_FILE = "service.json"
Json: TypeAlias = dict[str, Any]  # what the interface answers; the commands read a few fields of it


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is and with which key it is asked."""

    url: str
    token: str


def find_service(loaded: Loaded, environ: Mapping[str, str] = os.environ) -> Service:
    """EARMARK_URL and EARMARK_TOKEN win; else what the running service wrote into the data directory; else the settings."""
    server = loaded.settings.server
    url = environ.get("EARMARK_URL") or _running(loaded.data_dir)
    url = url or f"http://{_reachable(server.host)}:{server.port}{server.url_base}"
    token = environ.get("EARMARK_TOKEN") or (server.auth_token.get_secret_value() if server.auth_token else "")
    return Service(url.rstrip("/"), token or _kept_token(loaded.data_dir))


def note_service(data_dir: Path, url: str) -> Path:
    """Let the command line find us, whatever port we got."""
    path = data_dir / SERVICE_FILE
    path.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    return path


class Remote:
    """A small client of the REST interface. Every answer that is no success becomes a `CommandFailed` with its next step."""

    def __init__(self, service: Service) -> None:
        self._service = service
        headers = {"X-Api-Key": service.token, "User-Agent": USER_AGENT}
        self._http = httpx2.Client(base_url=f"{service.url}/api/v1", headers=headers, timeout=30.0)

    @property
    def url(self) -> str:
        return self._service.url

    def get(self, path: str, **query: object) -> Json:
        return self._call("GET", path, params={k: str(v) for k, v in query.items() if v is not None})

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Json:
        return self._call("POST", path, json=dict(body or {}))

    def get_list(self, path: str) -> list[Json]:
        return self._several("GET", path)

    def post_list(self, path: str, body: Mapping[str, object], *, timeout: float) -> list[Json]:
        return self._several("POST", path, json=dict(body), timeout=timeout)

    def judged(self, path: str, body: Mapping[str, object], *, timeout: float) -> list[Json]:
        """A test as the Prowlarr face answers it: what is wrong stands in a list, with 400; nothing is an empty object."""
        response = self._sent("POST", path, json=dict(body), timeout=timeout)
        answer = _json(response)
        if response.is_success or (response.status_code == 400 and isinstance(answer, list)):
            return answer if isinstance(answer, list) else []
        raise _refused(response)

    def post_file(self, path: str, content: bytes) -> Json:
        return self._call("POST", path, content=content, headers={"Content-Type": "application/x-bittorrent"})

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        return self._call("PUT", path, json=dict(body))

    def delete(self, path: str) -> Json:
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **options: Any) -> Json:
        answer: Json = self._answer(method, path, **options)
        return answer

    def _several(self, method: str, path: str, **options: Any) -> list[Json]:
        answer: list[Json] = self._answer(method, path, **options)
        return answer

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        response = self._sent(method, path, **options)
        if response.is_success:
            return response.json()
        raise _refused(response)

    def _sent(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise CommandFailed(
                f"No Earmark answers at {self._service.url} ({error}).",
                "Start it with `earmark serve`, or name it with EARMARK_URL.",
                UNREACHABLE,
            ) from error


def _refused(response: httpx2.Response) -> CommandFailed:
    answer = _json(response)
    problem: Json = answer if isinstance(answer, dict) else {}
    if response.status_code == 401:
        return CommandFailed("The service does not know this key.", "Set EARMARK_TOKEN to its key.", FORBIDDEN)
    message = str(problem.get("detail") or problem.get("message") or f"The service answered {response.status_code}.")
    faults = problem.get("errors") or []
    for fault in faults if len(faults) > 1 else []:  # a single one is the sentence itself
        message += f"\n  {fault.get('field')}: {fault.get('message')}"
    code = {403: FORBIDDEN, 400: USAGE}.get(response.status_code, FAILED)
    return CommandFailed(message, str(problem.get("action") or ""), code)


def _json(response: httpx2.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _running(data_dir: Path) -> str | None:
    try:
        return str(json.loads((data_dir / SERVICE_FILE).read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def _kept_token(data_dir: Path) -> str:
    try:
        return (data_dir / "auth_token").read_text().strip()
    except OSError:
        return ""


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - any address includes this machine
