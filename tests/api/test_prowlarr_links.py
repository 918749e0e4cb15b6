"""Download links: absolute as the caller sees us, with a token that opens this one link and ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.requests import Request

from earmark.api.prowlarr.links import _file, base_of, linker, may_download
from earmark.core.release import Release
from earmark.pipeline.house import House
from earmark.pipeline.tokens import Tokens
from earmark.settings import ServerSettings
from earmark.store import Offer

KEY = "the-admin-key"
PLACE = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*")


def asked(house: object, headers: Mapping[str, str] = {}, query: str = "", scheme: str = "http") -> Request:
    app = SimpleNamespace(state=SimpleNamespace(house=house))
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "GET", "path": "/", "scheme": scheme, "server": ("10.0.0.2", 8080), "app": app,
        "headers": raw, "query_string": query.encode(),
    }  # fmt: skip
    return Request(scope)


def a_house(url_base: str = "") -> object:
    return SimpleNamespace(settings=SimpleNamespace(server=SimpleNamespace(url_base=url_base)))


def offer(guid: str = "https://tracker.test/t/1", title: str = "The Time Machine", indexer_id: int = 1) -> Offer:
    return Offer(indexer_id, Release(guid=guid, indexer="mam", title=title))


def query_of(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query, strict_parsing=True).items()}


# --- where the caller sees us -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        pytest.param({}, "http://10.0.0.2:8080", id="no-host-at-all"),
        pytest.param({"Host": "earmark:8080"}, "http://earmark:8080", id="name-and-port"),
        pytest.param({"Host": "Earmark.Home"}, "http://earmark.home", id="name"),
        pytest.param({"Host": "my_box:80"}, "http://my_box", id="default-port-left-out"),
        pytest.param({"Host": "[fd00::1]:8080"}, "http://[fd00::1]:8080", id="ipv6"),
        pytest.param({"Host": "[::1]"}, "http://[::1]", id="ipv6-without-port"),
        pytest.param(
            {"Host": "earmark:8080", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "books.example"},
            "https://books.example",
            id="behind-tls",
        ),
        pytest.param(
            {"Host": "a", "X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "books.example:8443, b"},
            "https://books.example:8443",
            id="chain-of-proxies",
        ),
        pytest.param(
            {"Host": "books.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
            "https://books.example:8443",
            id="port-of-its-own",
        ),
        pytest.param(
            {"Host": "books.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"},
            "https://books.example",
            id="default-port-of-its-own",
        ),
        pytest.param(
            {"Host": "books.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "80"},
            "https://books.example",
            id="port-of-the-other-scheme",
        ),
        pytest.param({"Host": "a", "X-Forwarded-Prefix": "/earmark/"}, "http://a/earmark", id="prefix"),
    ],
)
def test_a_link_begins_where_the_caller_sees_us(headers: dict[str, str], base: str) -> None:
    assert base_of(asked(a_house(), headers)) == base


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Forwarded-Host": "evil.example/x?"}, id="path-in-host"),
        pytest.param({"X-Forwarded-Host": "user:pass@evil.example"}, id="user-in-host"),
        pytest.param({"X-Forwarded-Host": "evil.example:99999"}, id="no-such-port"),
        pytest.param({"X-Forwarded-Host": "a..b"}, id="empty-label"),
        pytest.param({"X-Forwarded-Host": "[::zz]"}, id="no-address"),
        pytest.param({"X-Forwarded-Host": "[1::2::3]"}, id="no-address-though-it-looks-so"),
        pytest.param({"X-Forwarded-Host": "\xe4\xf6\"'<>"}, id="odd-letters"),
        pytest.param({"X-Forwarded-Proto": "javascript"}, id="no-web-scheme"),
        pytest.param({"X-Forwarded-Port": "80; drop"}, id="no-number"),
        pytest.param({"X-Forwarded-Port": "0"}, id="port-zero"),
        pytest.param({"X-Forwarded-Prefix": "/../admin"}, id="prefix-upwards"),
        pytest.param({"X-Forwarded-Prefix": "//evil.example"}, id="prefix-with-a-host"),
        pytest.param({"X-Forwarded-Prefix": '/a"><b'}, id="prefix-with-marks"),
    ],
)
def test_an_odd_header_is_passed_over(headers: dict[str, str]) -> None:
    assert base_of(asked(a_house(), {"Host": "good:8080"} | headers)) == "http://good:8080"


def test_an_own_url_base_stands_behind_what_a_proxy_cut_off_and_never_twice() -> None:
    house = a_house("/earmark")
    assert base_of(asked(house, {"Host": "a"})) == "http://a/earmark"
    assert base_of(asked(house, {"Host": "a", "X-Forwarded-Prefix": "/home"})) == "http://a/home/earmark"
    assert base_of(asked(house, {"Host": "a", "X-Forwarded-Prefix": "/earmark"})) == "http://a/earmark"


def test_the_scheme_of_the_connection_counts_where_no_proxy_speaks() -> None:
    assert base_of(asked(a_house(), {"Host": "a:443"}, scheme="https")) == "https://a"


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@given(
    st.dictionaries(
        st.sampled_from(
            ["Host", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"],
        ),
        HEADER | st.from_regex(r"\A[\[\]a-z0-9:./@?#%\\-]{0,30}\Z"),
    )
)
def test_no_header_puts_anything_but_a_place_into_a_link(headers: dict[str, str]) -> None:
    assert PLACE.fullmatch(base_of(asked(a_house(), headers)))


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_link_opens_with_its_own_token_and_hides_the_key(house: House) -> None:
    one = offer()
    link = linker(asked(house, {"Host": "earmark:8080", "X-Api-Key": KEY}))(one)
    assert link.startswith("http://earmark:8080/1/download?apikey=")
    assert KEY not in link
    said = query_of(link)
    assert said["link"] == one.key
    assert said["file"] == "The Time Machine"
    assert re.fullmatch(r"[A-Za-z0-9._-]+", said["apikey"])
    assert may_download(asked(house, query=urlsplit(link).query), 1, one.key)


def test_a_token_opens_nothing_else(house: House) -> None:
    token = query_of(linker(asked(house))(offer()))["apikey"]
    other = offer("https://tracker.test/t/2")
    assert not may_download(asked(house, query=f"apikey={token}"), 1, other.key)
    assert not may_download(asked(house, query=f"apikey={token}"), 2, offer().key)
    assert house.tokens.role_of(token) is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda token: "", id="empty"),
        pytest.param(lambda token: token[:-1], id="shorter"),
        pytest.param(lambda token: "9" + token, id="longer-life"),
        pytest.param(lambda token: token + "%0A", id="a-line-more"),
        pytest.param(lambda token: "99999999999999." + token.split(".")[1], id="a-very-long-life"),
        pytest.param(lambda token: token.split(".")[0] + "." + "A" * 22, id="forged"),
        pytest.param(lambda token: "\xb2.\xb2", id="odd-digits"),
    ],
)
def test_a_spoilt_token_opens_nothing(house: House, spoil: object) -> None:
    assert callable(spoil)
    token = query_of(linker(asked(house))(offer()))["apikey"]
    assert not may_download(asked(house, query=f"apikey={spoil(token)}"), 1, offer().key)


def test_a_link_is_the_same_all_day_and_ends_after_the_days_it_is_remembered(house: House, clock: object) -> None:
    one, pass_ = offer(), getattr(clock, "pass_")  # noqa: B009 - the clock of conftest has no importable type
    link = linker(asked(house))(one)
    pass_(hours=11, minutes=59)
    assert linker(asked(house))(one) == link
    pass_(days=house.settings.search.remember_days)
    assert may_download(asked(house, query=urlsplit(link).query), 1, one.key)
    pass_(minutes=1)
    assert not may_download(asked(house, query=urlsplit(link).query), 1, one.key)


def test_a_new_key_of_the_administrator_ends_old_links(house: House) -> None:
    link = linker(asked(house))(offer())
    house.tokens = Tokens(ServerSettings(auth_token=SecretStr("another-admin-key")), house.data_dir)
    assert not may_download(asked(house, query=urlsplit(link).query), 1, offer().key)


def test_a_real_key_opens_a_link_and_a_wrong_one_in_the_query_is_not_rescued(house: House) -> None:
    key = offer().key
    assert may_download(asked(house, query=f"apikey={KEY}"), 1, key)
    assert may_download(asked(house, {"X-Api-Key": KEY}), 1, key)
    assert may_download(asked(house, {"Authorization": "Bearer the-user-key"}), 1, key)
    assert not may_download(asked(house, {"X-Api-Key": KEY}, query="apikey=wrong"), 1, key)
    assert not may_download(asked(house), 1, key)


def test_a_key_beside_the_token_spoils_nothing(house: House) -> None:
    link = linker(asked(house))(offer())
    for beside in (KEY, "wrong"):
        assert may_download(asked(house, {"X-Api-Key": beside}, query=urlsplit(link).query), 1, offer().key)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=300))
def test_any_title_stays_within_its_part_of_the_link(house: House, title: str) -> None:
    link = linker(asked(house, {"Host": "a"}))(offer(title=title))
    assert re.fullmatch(r"http://a/1/download\?apikey=[A-Za-z0-9._-]+&link=[0-9a-f]{32}&file=[A-Za-z0-9._~%-]+", link)


@given(st.text(alphabet=st.sampled_from("aZ09_.~ /[]-%&+é"), max_size=130))
def test_the_short_way_of_writing_a_title_is_the_long_one(title: str) -> None:
    assert _file(title) == (quote(title[:120], safe="", errors="replace") or "release")
