"""Settings: where they come from, what wins, and that every fault is named with file, key, value and fix."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from earmark.settings import Settings
from earmark.settings_reference import reference
from earmark.settings_sources import ConfigError, Loaded, check_paths, load_settings, masked


def load(tmp_path: Path, toml: str = "", env: dict[str, str] | None = None, dotenv: str | None = None) -> Loaded:
    config = tmp_path / "earmark.toml"
    config.write_text(toml)
    dot = None
    if dotenv is not None:
        dot = tmp_path / ".env"
        dot.write_text(dotenv)
    return load_settings(config=config, data_dir=tmp_path / "data", environ=env or {}, dotenv=dot)


def problems(tmp_path: Path, toml: str = "", env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, toml, env)
    return "\n".join(refused.value.problems)


def test_document_003s_example_is_understood(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [server]
        host = "0.0.0.0"
        port = 8080
        auth_token = "secret"
        [database]
        path = "/data/downloader2.db"
        [jackett]
        url = "http://localhost:9117"
        api_key = "your-jackett-api-key"
        timeout_secs = 30
        [qbittorrent]
        url = "http://localhost:8081"
        username = "admin"
        password = "adminadmin"
        download_path = "/downloads/incomplete"
        seed_ratio_limit = 0.0
        seed_time_limit_mins = 0
        [matcher]
        llm_provider = "anthropic"
        llm_model = "claude-3-haiku"
        api_key = "your-api-key"
        auto_approve_threshold = 0.85
        [converter]
        ffmpeg_path = "/usr/bin/ffmpeg"
        ffprobe_path = "/usr/bin/ffprobe"
        temp_dir = "/tmp/downloader2"
        max_parallel_conversions = 4
        [processing]
        max_parallel_downloads = 2
        check_interval_secs = 10
        retry_max_attempts = 3
        retry_initial_delay_secs = 60
        retry_max_delay_secs = 3600
        """,
    ).settings
    assert settings.server.auth_token is not None and settings.server.auth_token.get_secret_value() == "secret"
    assert settings.jackett.timeout_secs == 30
    assert settings.matcher.llm_model == "claude-3-haiku"


def test_the_defaults_are_document_003s(tmp_path: Path) -> None:
    settings = load(tmp_path).settings
    assert (settings.processing.max_parallel_downloads, settings.converter.max_parallel_conversions) == (2, 4)
    assert settings.processing.retry_initial_delay_secs == 60
    assert settings.matcher.auto_approve_threshold == 0.85
    assert settings.library.audiobooks == Path("/mnt/storage/audiobooks")
    assert (settings.seeding.hours, settings.seeding.ratio) == (72, 1.0)


def test_the_environment_wins_over_dotenv_and_dotenv_over_the_file(tmp_path: Path) -> None:
    toml = "[server]\nport = 1\n[mam]\ntimeout_secs = 1\n[processing]\nhistory_days = 1\n"
    dotenv = "EARMARK_SERVER__PORT=2\nEARMARK_MAM__TIMEOUT_SECS=2\nOTHER=x\n"
    loaded = load(tmp_path, toml, {"EARMARK_SERVER__PORT": "3"}, dotenv)
    assert (loaded.settings.server.port, loaded.settings.mam.timeout_secs) == (3, 2)
    assert loaded.settings.processing.history_days == 1
    assert loaded.sources["server.port"] == "environment: EARMARK_SERVER__PORT"
    assert (tmp_path / ".env").read_text() == dotenv


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-session\n")
    loaded = load(tmp_path, env={"EARMARK_MAM__MAM_ID_FILE": str(tmp_path / "secret")})
    assert loaded.settings.mam.mam_id is not None
    assert loaded.settings.mam.mam_id.get_secret_value() == "a-session"


def test_lists_are_given_with_commas(tmp_path: Path) -> None:
    loaded = load(tmp_path, env={"EARMARK_EMBEDDED__DHT_BOOTSTRAP_NODES": "a:1, b:2"})
    assert loaded.settings.embedded.dht_bootstrap_nodes == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[server]\nprot = 1", "server.prot is unknown. Did you mean server.port?"),
        ("[sever]\nport = 1", "[sever] is unknown. Did you mean [server]?"),
        ('[server]\nport = "abc"', "server.port = 'abc'"),
        ("[server]\nport = 70000", "less than or equal to 65535"),
        ("port = 1", "outside a section"),
        ("[server\nport = 1", "not valid TOML"),
        ('[server]\nurl_base = "earmark/"', "must start with /"),
        ('[mam]\nbase_url = "example.org"', "must start with http"),
        ("[mam]\nrequests_per_second = 0", "greater than 0"),
        ('[client]\nkind = "deluge"', "'embedded', 'qbittorrent' or 'transmission'"),
        ('[jackett]\nurl = "http://x"', "`api_key` is missing"),
        ('[matcher]\nllm_provider = "openai"', "`llm_model` is missing"),
        ('[database]\npath = "a"\nurl = "postgresql://h/d"', "exclude each other"),
        ('[database]\nurl = "mysql://h/d"', "must start with postgresql://"),
        ("[processing]\nretry_initial_delay_secs = 10\nretry_max_delay_secs = 5", "smaller than"),
        ('[library]\npattern = "{auther}/{title}"', "{author}"),
        ('[library]\npattern = "../{title}"', "pattern"),
    ],
)
def test_every_fault_names_file_key_and_fix(tmp_path: Path, toml: str, told: str) -> None:
    text = problems(tmp_path, toml)
    assert told in text
    assert "earmark.toml" in text


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = problems(tmp_path, "[server]\nport = -1\n[mam]\ntimeout_secs = 0", {"EARMARK_SEVER__PORT": "1"})
    assert len(text.splitlines()) == 3


def test_a_wrong_secret_is_never_repeated(tmp_path: Path) -> None:
    text = problems(tmp_path, '[database]\nurl = "mysql://canary@h/d"\n[server]\nauth_token = ["canary"]')
    assert "canary" not in text


@pytest.mark.parametrize("name", ["EARMARK_PORT", "EARMARK_SERVER_PORT", "EARMARK_SERVER__PROT"])
def test_a_misspelt_variable_is_a_fault(tmp_path: Path, name: str) -> None:
    assert name in problems(tmp_path, env={name: "1"})


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(config=tmp_path / "absent.toml", data_dir=tmp_path, environ={}, dotenv=None)


def test_earmark_config_names_the_file_and_the_data_directory_is_the_default(tmp_path: Path) -> None:
    named, standard = tmp_path / "named.toml", tmp_path / "data" / "earmark.toml"
    standard.parent.mkdir()
    named.write_text("[server]\nport = 1")
    standard.write_text("[server]\nport = 2")
    env = {"EARMARK_CONFIG": str(named)}
    assert load_settings(config=None, data_dir=tmp_path / "data", environ=env, dotenv=None).settings.server.port == 1
    assert load_settings(config=None, data_dir=tmp_path / "data", environ={}, dotenv=None).settings.server.port == 2


def test_folders_are_made_and_unwritable_ones_named(tmp_path: Path) -> None:
    check_paths(load(tmp_path, f'[library]\naudiobooks = "{tmp_path}/books"'))
    assert (tmp_path / "books").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as refused:
        check_paths(load(tmp_path, f'[library]\naudiobooks = "{tmp_path}/file"'))
    assert "library.audiobooks" in refused.value.problems[0] and "cannot be written to" in refused.value.problems[0]


def test_a_library_on_a_disk_that_is_away_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Mount it") as refused:
        check_paths(load(tmp_path, f'[library]\naudiobooks = "{tmp_path}/disk/books"'))
    assert repr(f"{tmp_path}/disk") in refused.value.problems[0]
    assert not (tmp_path / "disk").exists()


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ("", True),
        ('[qbittorrent]\nurl = "http://127.0.0.1:8080"', True),
        ('[qbittorrent]\nurl = "http://localhost:8081"', False),
        ('[qbittorrent]\nurl = "http://other.lan:8080"', False),
    ],
)
def test_qbittorrent_at_our_own_port_is_refused(tmp_path: Path, more: str, refused: bool) -> None:
    loaded = load(tmp_path, f'[library]\naudiobooks = "{tmp_path}/books"\n[client]\nkind = "qbittorrent"\n{more}')
    with pytest.raises(ConfigError, match="Earmark's own address") if refused else nullcontext():
        check_paths(loaded)


def test_downloads_inside_the_library_are_refused(tmp_path: Path) -> None:
    toml = f'[library]\naudiobooks = "{tmp_path}/books"\n[embedded]\ndownload_path = "{tmp_path}/books/incoming"'
    with pytest.raises(ConfigError, match="inside one another"):
        check_paths(load(tmp_path, toml))


def test_a_library_for_ebooks_is_made_and_kept_apart_from_downloads(tmp_path: Path) -> None:
    libraries = f'[library]\naudiobooks = "{tmp_path}/books"\nebooks = "{tmp_path}/texts"\n'
    check_paths(load(tmp_path, libraries))
    assert (tmp_path / "texts").is_dir()
    with pytest.raises(ConfigError, match=r"library\.ebooks = .* inside one another"):
        check_paths(load(tmp_path, f'{libraries}[embedded]\ndownload_path = "{tmp_path}/texts/incoming"'))


@pytest.mark.parametrize("name", ["ffmpeg", "ffprobe"])
def test_a_program_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    toml = f'[library]\naudiobooks = "{tmp_path}/books"\n[converter]\n{name}_path = "{tmp_path}/{name}"'
    with pytest.raises(ConfigError, match=f"converter.{name}_path"):
        check_paths(load(tmp_path, toml))


def test_secrets_are_masked_for_showing(tmp_path: Path) -> None:
    loaded = load(tmp_path, '[mam]\nmam_id = "canary"\n[server]\nauth_token = "canary"\n')
    assert "canary" not in str(masked(loaded.settings)) + repr(loaded.settings)
    assert masked(loaded.settings)["mam"]["mam_id"] == "********"


def test_every_key_is_described() -> None:
    text = reference()
    for section, info in Settings.model_fields.items():
        assert f"## [{section}]" in text
        for key, field in info.annotation.model_fields.items():  # type: ignore[union-attr]
            assert field.description, f"{section}.{key} has no description"
            assert f"`{key}`" in text
