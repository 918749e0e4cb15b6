"""Connecting to a checked address instead of a name must not cost the proof that the name's owner answers."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from earmark import addresses
from earmark.http import SiteUnavailable
from earmark.metadata import pictures

JPEG = b"\xff\xd8\xff\xe0"


def certificate(name: str, folder: Path) -> Path:
    """A self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    no_password = serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return pem


async def fetch(name: str, pem: Path) -> tuple[bytes | None, list[str]]:
    """Fetch https://NAME/a.jpg from a server of our own that holds `pem`, and the Host it was asked as."""
    hosts: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        hosts.extend(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("host:"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n" + JPEG)
        await writer.drain()
        writer.close()

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trust = ssl.create_default_context(cafile=str(pem))
    async with server, httpx2.AsyncClient(verify=trust, trust_env=False) as http:
        got = await pictures.fetch_picture(
            http, f"https://{name}:{port}/a.jpg", trusted=(), timeout_secs=5, resolve=resolve,
            clock=lambda: datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC),
        )  # fmt: skip
    return got, [host.removesuffix(f":{port}") for host in hosts]


@pytest.fixture(autouse=True)
def loopback_counts_as_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "is_public", lambda address: True)


async def test_the_certificate_is_checked_for_the_name_that_was_written(tmp_path: Path) -> None:
    assert await fetch("pictures.test", certificate("pictures.test", tmp_path)) == (JPEG, ["pictures.test"])


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteUnavailable):
        await fetch("pictures.test", certificate("impostor.test", tmp_path))
