"""One typed settings tree. Every key can stand in `earmark.toml`, in `EARMARK_SECTION__KEY`, or (its value in a file) in
`EARMARK_SECTION__KEY_FILE`; `.env` is read for the same names and never written. `settings_sources` loads it.

The field descriptions below are what `docs/configuration.md` prints: write them for the person who runs Earmark.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from earmark.settings_shelf import ConverterSettings, LibrarySettings, Section


class ServerSettings(Section):
    host: str = Field("127.0.0.1", description="Address to listen on. `0.0.0.0` opens it to your network.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    auth_token: SecretStr | None = Field(
        None,
        description="The administrator's key, sent as `Authorization: Bearer` or `X-Api-Key`, and the password of the "
        "login page. When absent, one is made at the first start and kept in the data directory (`auth_token`).",
    )
    user_token: SecretStr | None = Field(
        None,
        description="A second key that may file and follow tickets, but neither decide nor cancel nor read the configuration.",
    )
    jwt_secret: SecretStr | None = Field(
        None,
        description="When set, HS256 JSON Web Tokens signed with it are accepted too; claim `role` is `admin` or `user`.",
    )
    url_base: str = Field("", description="Path prefix behind a reverse proxy, e.g. `/earmark`. No trailing slash.")

    @field_validator("url_base")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("must start with / and not end with one, e.g. /earmark")
        return value


class DatabaseSettings(Section):
    path: Path | None = Field(None, description="SQLite file. Default: `earmark.db` in the data directory.")
    url: SecretStr | None = Field(
        None, description="PostgreSQL instead of SQLite: `postgresql://user:password@host/name`."
    )

    @model_validator(mode="after")
    def _one_of(self) -> DatabaseSettings:
        if self.path is not None and self.url is not None:
            raise ValueError("`path` and `url` exclude each other: keep `path` for SQLite or `url` for PostgreSQL")
        if self.url is not None and not self.url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("`url` must start with postgresql:// (SQLite is set with `path`)")
        return self


class MamSettings(Section):
    base_url: str = Field("https://www.myanonamouse.net", description="The tracker's site.")
    mam_id: SecretStr | None = Field(
        None,
        description="The session cookie from Preferences → Security on the site. Without it the tracker is not used. "
        "The site replaces it now and then; Earmark keeps the newest one, encrypted, in its database.",
    )
    requests_per_second: float = Field(1.0, gt=0, le=5, description="At most this many requests a second to the site.")
    timeout_secs: float = Field(30.0, gt=0, le=300, description="How long to wait for an answer of the site.")
    allow_unapproved_client: bool = Field(
        False,
        description="The tracker's rules name the clients one may use, and the embedded one is not among them. "
        "Set to true only when staff allowed it for your account.",
    )

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _http_url(value)


class JackettSettings(Section):
    url: str | None = Field(
        None,
        description="Base address of Jackett, e.g. `http://localhost:9117`. Without it Jackett is not used.",
    )
    api_key: SecretStr | None = Field(None, description="Jackett's API key.")
    timeout_secs: float = Field(30.0, gt=0, le=300, description="How long to wait for an answer.")
    requests_per_second: float = Field(2.0, gt=0, le=50, description="At most this many requests a second to it.")

    @field_validator("url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return _http_url(value) if value is not None else None

    @model_validator(mode="after")
    def _complete(self) -> JackettSettings:
        if self.url is not None and self.api_key is None:
            raise ValueError("`api_key` is missing: copy it from the top of Jackett's page")
        return self


class ProwlarrSettings(Section):
    url: str | None = Field(
        None,
        description="Address of a Prowlarr to search through, e.g. `http://localhost:9696`, with its URL base if it has one. "
        "Without it none is asked.",
    )
    api_key: SecretStr | None = Field(None, description="That Prowlarr's API key (Settings → General).")
    indexer_ids: tuple[int, ...] = Field(
        (), description="Numbers of its indexers to use; empty: all of them that are switched on."
    )
    timeout_secs: float = Field(30.0, gt=0, le=300, description="How long to wait for an answer.")
    requests_per_second: float = Field(2.0, gt=0, le=50, description="At most this many requests a second to it.")

    @field_validator("url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return _http_url(value) if value is not None else None

    @model_validator(mode="after")
    def _complete(self) -> ProwlarrSettings:
        if self.url is not None and self.api_key is None:
            raise ValueError("`api_key` is missing: copy it from that Prowlarr's Settings → General")
        return self


class SearchSettings(Section):
    order: tuple[str, ...] = Field(
        (),
        description="Indexers that are asked one after another, by name, e.g. `prowlarr, mam`; the next one only when those "
        "before it offered nothing acceptable. Those not named are asked last, together. Empty: all are asked at once.",
    )
    remember_days: int = Field(
        30,
        ge=1,
        le=365,
        description="How long a release that was shown to another program can be grabbed, and its download link works.",
    )


class ClientSettings(Section):
    kind: Literal["embedded", "qbittorrent", "transmission"] = Field(
        "embedded", description="Who downloads and seeds: the built-in client, qBittorrent or Transmission."
    )


class EmbeddedSettings(Section):
    download_path: Path | None = Field(
        None, description="Where downloads live and seed from. Default: `downloads` in the data directory."
    )
    listen_port: int = Field(
        45000,
        ge=0,
        le=65535,
        description="BitTorrent port; 0 takes a free one. MyAnonamouse wants 40000 to 60000.",
    )
    listen_address: str = Field("0.0.0.0", description="Address the BitTorrent port is opened on.")  # noqa: S104 - peers come from outside
    download_limit_kib: int = Field(0, ge=0, description="Download cap in KiB/s over all torrents; 0 = none.")
    upload_limit_kib: int = Field(0, ge=0, description="Upload cap in KiB/s over all torrents; 0 = none.")
    dht: bool = Field(
        False, description="Distributed hash table, for public torrents only. Private torrents never use it."
    )
    pex: bool = Field(False, description="Peer exchange, for public torrents only. Private torrents never use it.")
    upnp: bool = Field(False, description="Ask the router to open the port (UPnP and NAT-PMP).")
    utp: bool = Field(True, description="Allow µTP besides TCP.")
    dht_bootstrap_nodes: tuple[str, ...] = Field(
        ("router.bittorrent.com:6881", "router.utorrent.com:6881", "dht.transmissionbt.com:6881"),
        description="Where the DHT starts from when it is on.",
    )


class QbittorrentSettings(Section):
    url: str = Field("http://localhost:8080", description="Address of the Web UI.")
    username: str = Field("admin", description="Web UI user.")
    password: SecretStr | None = Field(None, description="Web UI password; absent when the Web UI trusts this host.")
    category: str = Field("earmark", description="Category given to Earmark's torrents.")
    download_path: Path | None = Field(
        None, description="Save path, as both programs see it. Default: `downloads` in the data directory."
    )
    seed_ratio_limit: float = Field(
        0.0, ge=0, description="Ratio at which qBittorrent may stop a public torrent; 0 = never."
    )
    seed_time_limit_mins: int = Field(
        0, ge=0, description="Seeding minutes after which it may stop a public torrent; 0 = never."
    )

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _http_url(value)


class TransmissionSettings(Section):
    url: str = Field("http://localhost:9091/transmission/rpc", description="Address of the RPC interface.")
    username: str | None = Field(None, description="RPC user.")
    password: SecretStr | None = Field(None, description="RPC password.")
    download_path: Path | None = Field(
        None, description="Save path, as both programs see it. Default: `downloads` in the data directory."
    )

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _http_url(value)


class MatcherSettings(Section):
    auto_approve_threshold: float = Field(
        0.85,
        ge=0,
        le=1,
        description="Confidence from which a release is taken without asking. Below it the ticket waits for you.",
    )
    llm_provider: Literal["none", "anthropic", "openai", "local"] = Field(
        "none",
        description="A language model as a witness for doubtful matches: it may carry a decision over the approval line, never "
        "past a hard rule. `local` is any server with OpenAI's interface (set `llm_base_url`). Needs the extra: "
        "`pip install 'earmark[llm]'`. Titles and descriptions of the releases in question go to the provider.",
    )
    llm_model: str | None = Field(None, description="Model name for the provider.")
    api_key: SecretStr | None = Field(None, description="Key for the provider; `local` may do without.")
    llm_base_url: str | None = Field(
        None,
        description="Address of the provider's interface, e.g. `http://localhost:11434/v1`. Default: the provider's own.",
    )
    llm_band: float = Field(
        0.15,
        ge=0,
        le=1,
        description="The witness is asked only where the score lies less than this from `auto_approve_threshold`, or where "
        "files of an album could not be told apart; 0 = for files only.",
    )
    llm_timeout_secs: float = Field(
        30.0, gt=0, le=600, description="How long to wait for the witness; then the rules decide alone."
    )
    llm_daily_budget: int = Field(
        100, ge=0, description="Questions to the witness a day (UTC). Questions asked before are answered from memory."
    )

    @field_validator("llm_base_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return _http_url(value) if value is not None else None

    @model_validator(mode="after")
    def _model_named(self) -> MatcherSettings:
        if self.llm_provider != "none" and not self.llm_model:
            raise ValueError(
                "`llm_model` is missing: name the model the provider should use, or set llm_provider to none"
            )
        if self.llm_provider in ("anthropic", "openai") and self.api_key is None:
            raise ValueError("`api_key` is missing: make one at the provider, or set llm_provider to none")
        if self.llm_provider == "local" and self.llm_base_url is None:
            raise ValueError("`llm_base_url` is missing: name the server, e.g. http://localhost:11434/v1")
        return self


class ProcessingSettings(Section):
    max_parallel_downloads: int = Field(
        2, ge=1, le=1000, description="Downloads at the same time; further tickets wait."
    )
    check_interval_secs: float = Field(
        10.0, gt=0, le=3600, description="How often the torrent client is asked how things stand."
    )
    retry_max_attempts: int = Field(3, ge=1, le=20, description="Tries of a step that failed for a passing reason.")
    retry_initial_delay_secs: float = Field(
        60.0, ge=0, description="Wait before the second try; doubles with each further one."
    )
    retry_max_delay_secs: float = Field(3600.0, ge=0, description="Longest wait between two tries.")
    stall_first_secs: float = Field(
        300.0,
        gt=0,
        description="A download that nobody seeds gives way to the next acceptable release after this long; any that stands "
        "still says so.",
    )
    stall_second_secs: float = Field(
        1800.0,
        gt=0,
        description="So does one with peers, or with a part here, and one that is tried for the second time. A download "
        "that has stood still so long leaves its slot to others.",
    )
    stall_third_secs: float = Field(
        7200.0, gt=0, description="Patience with a release that is tried for the third and last time."
    )
    min_free_space_mib: int = Field(
        500,
        ge=0,
        description="Grabs wait while the disk of downloads, or of the workspace, would have less than this left.",
    )
    history_days: int = Field(30, ge=1, description="How long the records of finished engine runs are kept.")

    @model_validator(mode="after")
    def _delays(self) -> ProcessingSettings:
        if self.retry_max_delay_secs < self.retry_initial_delay_secs:
            raise ValueError(
                "`retry_max_delay_secs` is smaller than `retry_initial_delay_secs`: raise the one or lower the other"
            )
        return self

    @model_validator(mode="after")
    def _stalls_grow(self) -> ProcessingSettings:
        if not self.stall_first_secs <= self.stall_second_secs <= self.stall_third_secs:
            raise ValueError(
                "the `stall_` limits must grow: `stall_first_secs` ≤ `stall_second_secs` ≤ `stall_third_secs`"
            )
        return self

    @property
    def stall_limits(self) -> tuple[float, float, float]:
        """The three patiences in seconds, growing."""
        return self.stall_first_secs, self.stall_second_secs, self.stall_third_secs


class AudiobookshelfSettings(Section):
    url: str | None = Field(
        None,
        description="Address of Audiobookshelf, e.g. `http://localhost:13378`. Without it nobody is told of new books.",
    )
    api_key: SecretStr | None = Field(None, description="An API key of it (Settings → API Keys), or a user's token.")
    library: str | None = Field(
        None, description="Name or id of its library for audiobooks. Default: every library of books."
    )
    scan: bool = Field(True, description="Ask for a scan after books were placed, once for all that came together.")
    skip_present: bool = Field(True, description="A wish that it shows already is not fetched again.")

    @field_validator("url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return _http_url(value) if value is not None else None

    @model_validator(mode="after")
    def _complete(self) -> AudiobookshelfSettings:
        if self.url is not None and self.api_key is None:
            raise ValueError("`api_key` is missing: make one in Audiobookshelf under Settings → API Keys")
        return self


class MetadataSettings(Section):
    audnexus_url: str | None = Field(
        None,
        description="Address of an Audnexus service (Audible's facts, chapters and covers), e.g. `https://api.audnex.us`. "
        "Without it only the tracker's facts and the files' own are used.",
    )
    region: Literal["us", "ca", "uk", "au", "fr", "de", "jp", "it", "in", "es", "br"] = Field(
        "us", description="The Audible shop asked."
    )
    catalogue_url: str = Field(
        "https://api.audible.{tld}",
        description="Where editions are looked up by title and author; {tld} is the region's. Asked only with audnexus_url set.",
    )
    timeout_secs: float = Field(15.0, gt=0, le=120, description="How long to wait for an answer.")

    @field_validator("audnexus_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return _http_url(value) if value is not None else None


class SeedingSettings(Section):
    hours: float = Field(
        72.0,
        ge=0,
        description="Seed every torrent at least this long. Trackers with a longer rule of their own prevail.",
    )
    ratio: float = Field(
        1.0,
        ge=0,
        description="Trackers without a seeding rule of their own: a torrent is done owing once either the hours or this "
        "ratio is reached; 0 = hours only. Trackers with a rule (MyAnonamouse) count hours alone.",
    )


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is worth a line.")
    format: Literal["console", "json"] = Field("console", description="`json` writes one object a line.")


class Settings(BaseModel):
    """The whole tree."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: ServerSettings = Field(default_factory=ServerSettings, description="The web server and who may use it.")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings, description="Where tickets are kept.")
    library: LibrarySettings = Field(default_factory=LibrarySettings, description="The shelf.")
    mam: MamSettings = Field(default_factory=MamSettings, description="MyAnonamouse.")
    jackett: JackettSettings = Field(
        default_factory=JackettSettings, description="Jackett or any Torznab feed behind it."
    )
    prowlarr: ProwlarrSettings = Field(
        default_factory=ProwlarrSettings, description="A Prowlarr that Earmark searches through."
    )
    search: SearchSettings = Field(
        default_factory=SearchSettings, description="Who is asked first, and how long answers are remembered."
    )
    client: ClientSettings = Field(default_factory=ClientSettings, description="Which torrent client to use.")
    embedded: EmbeddedSettings = Field(default_factory=EmbeddedSettings, description="The built-in torrent client.")
    qbittorrent: QbittorrentSettings = Field(default_factory=QbittorrentSettings, description="qBittorrent.")
    transmission: TransmissionSettings = Field(default_factory=TransmissionSettings, description="Transmission.")
    matcher: MatcherSettings = Field(default_factory=MatcherSettings, description="How sure a match must be.")
    converter: ConverterSettings = Field(default_factory=ConverterSettings, description="Binding.")
    processing: ProcessingSettings = Field(default_factory=ProcessingSettings, description="Pace and patience.")
    audiobookshelf: AudiobookshelfSettings = Field(
        default_factory=AudiobookshelfSettings, description="Audiobookshelf, told of what came to the shelf."
    )
    metadata: MetadataSettings = Field(
        default_factory=MetadataSettings, description="Who is asked for facts, chapters and covers."
    )
    seeding: SeedingSettings = Field(default_factory=SeedingSettings, description="Seeding goals.")
    logging: LoggingSettings = Field(default_factory=LoggingSettings, description="Logs.")


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")
