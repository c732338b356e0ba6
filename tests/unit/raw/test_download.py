"""Downloads against a server on this machine that does what servers do: breaks off, refuses,
changes, redirects, lies.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
import random
import ssl
import time
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import urllib3
from strata.errors import BadFile, StrataError, UsageError
from strata.raw.fetch import addresses, asking, download
from strata.raw.fetch.checksums import Checksum, stated_in_headers, stated_in_url
from strata.raw.fetch.download import Download

from tests.loopback import Answer, Site, serve

CONTENT = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "FIRST_WAIT_SECONDS", 0.001)
    with serve(Site(CONTENT)) as running:
        yield running


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def fetch(tmp_path: Path, said: list[str]) -> Any:
    def run(url: str) -> Path:
        return Path(
            Download(
                url,
                str(tmp_path),
                "launches",
                "launches",
                tmp_path / ".downloads/launches/launches",
                said.append,
            ).fetch()
        )

    return run


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.part*"))


# --- what goes well ---------------------------------------------------------------------------


def test_a_file_lands_in_its_source(
    site: Site, fetch: Any, tmp_path: Path, said: list[str]
) -> None:
    place = fetch(f"{site.url}/v5/launches.json?token=secret")
    assert place == tmp_path / "launches/launches/launches.json"
    assert place.read_bytes() == CONTENT
    assert left_over(tmp_path) == []
    assert not any("secret" in text for text in said)
    assert not any(
        b"secret" in path.read_bytes() for path in tmp_path.rglob("*.json") if path != place
    )


def test_the_next_run_downloads_nothing(site: Site, fetch: Any, said: list[str]) -> None:
    first = fetch(f"{site.url}/x.json")
    assert fetch(f"{site.url}/x.json") == first
    assert site.asked[-1][1]["If-None-Match"] == '"v1"'
    assert said[-1].endswith("unchanged, nothing downloaded")
    assert len(site.asked) == 2


def test_a_changed_file_takes_the_place_of_the_old_one(site: Site, fetch: Any) -> None:
    first = fetch(f"{site.url}/x.json")
    site.content, site.etag = b"[]", '"v2"'
    assert fetch(f"{site.url}/x.json") == first
    assert first.read_bytes() == b"[]"


def test_last_modified_serves_where_there_is_no_etag(site: Site, fetch: Any) -> None:
    site.etag = ""
    dated = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    site.script = [Answer(200, dated, b"[]"), Answer(304, dated)]
    assert fetch(f"{site.url}/x.json") == fetch(f"{site.url}/x.json")
    assert site.asked[-1][1]["If-Modified-Since"] == dated["Last-Modified"]


def test_a_file_that_somebody_took_away_is_downloaded_again(site: Site, fetch: Any) -> None:
    fetch(f"{site.url}/x.json").unlink()
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    assert "If-None-Match" not in site.asked[-1][1]


def test_two_addresses_with_one_name_both_stay(site: Site, fetch: Any) -> None:
    first, second = fetch(f"{site.url}/a/x.json"), fetch(f"{site.url}/b/x.json")
    assert first != second
    assert second.name.endswith("-x.json")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "127.0.0.1"),
        ("/data/", "127.0.0.1"),
        ("/a%20b.json", "a b.json"),
        ("/..%2F..%2Fetc%2Fpasswd", "etc_passwd"),
        ("/.hidden", "hidden"),
        ("/_SUCCESS", "SUCCESS"),
        ("/delivery=2024-02-29/x.json", "delivery=2024-02-29/x.json"),
    ],
)
def test_names(path: str, name: str, site: Site, fetch: Any, tmp_path: Path) -> None:
    site.content = b"[]"
    found = fetch(site.url + path).relative_to(tmp_path / "launches/launches")
    assert str(found).replace("_.._", "_") == name


def test_chunks_without_a_length(site: Site, fetch: Any) -> None:
    site.script = [
        Answer(200, {"Transfer-Encoding": "chunked"}, b"3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n")
    ]
    assert fetch(f"{site.url}/x.json").read_bytes() == b"[1,2]"


def test_content_coding_is_left_as_it_is(site: Site, fetch: Any) -> None:
    """S3 gives what was stored as gzip with this header; the look knows gzip by its bytes."""
    body = gzip.compress(b"[]", mtime=0)
    site.script = [Answer(200, {"Content-Encoding": "gzip"}, body)]
    assert fetch(f"{site.url}/x.json").read_bytes() == body
    assert site.asked[0][1]["Accept-Encoding"] == "identity"


# --- what breaks off --------------------------------------------------------------------------


@pytest.mark.parametrize("resets", [False, True])
def test_a_broken_download_goes_on_where_it_was(resets: bool, site: Site, fetch: Any) -> None:
    def breaks(at: int) -> Any:
        return lambda headers: site.sound(headers, cut_at=at, resets=resets)

    site.script = [breaks(1_500_000), breaks(1_100_000), breaks(0)]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    ranges = [headers.get("Range") for _, headers in site.asked]
    assert ranges[0] is None
    if not resets:  # a reset throws away what the other side had not read yet
        assert ranges[1:] == ["bytes=1500000-", "bytes=2600000-", "bytes=2600000-"]
    assert all(headers["If-Range"] == '"v1"' for _, headers in site.asked if "Range" in headers)


def test_the_next_run_goes_on_where_the_last_one_was_killed(
    site: Site, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.script = [
        lambda headers: site.sound(headers, cut_at=2_000_000),
        Answer(503, {"Retry-After": "999"}),
    ]
    with pytest.raises(
        StrataError, match="it asks to wait 999 s; run again to go on from byte 2000000"
    ):
        fetch(f"{site.url}/x.json")
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    assert site.asked[-1][1]["Range"] == "bytes=2000000-"


def test_a_server_that_ignores_ranges(site: Site, fetch: Any) -> None:
    site.ignores_ranges = True
    site.script = [lambda headers: site.sound(headers, cut_at=2_000_000)]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT


def test_a_file_that_changes_between_its_parts(site: Site, fetch: Any) -> None:
    def breaks_and_changes(headers: dict[str, str]) -> Answer:
        answer = site.sound(headers, cut_at=2_000_000)
        site.content, site.etag = bytes(reversed(CONTENT)), '"v2"'
        return answer

    site.script = [breaks_and_changes]
    assert fetch(f"{site.url}/x.json").read_bytes() == bytes(reversed(CONTENT))


def test_no_part_of_another_file_is_added_to_after_a_kill(
    site: Site, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed as soon as it has noted that the file is another one now."""
    site.script = [
        lambda headers: site.sound(headers, cut_at=2_000_000),
        Answer(503, {"Retry-After": "999"}),
    ]
    with pytest.raises(StrataError, match="go on from byte 2000000"):
        fetch(f"{site.url}/x.json")
    site.content, site.etag = bytes(reversed(CONTENT)), '"v2"'
    noted = download._write_state

    def killed(*told: Any) -> None:
        noted(*told)
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_write_state", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{site.url}/x.json")
    monkeypatch.setattr(download, "_write_state", noted)
    assert fetch(f"{site.url}/x.json").read_bytes() == bytes(reversed(CONTENT))


def test_a_server_that_mixes_two_files(site: Site, fetch: Any) -> None:
    """It answers with a part, whatever If-Range says: its ETag tells."""
    wrong = {"ETag": '"v2"', "Content-Range": "bytes 2000000-2999999/3000000"}
    site.script = [
        lambda headers: site.sound(headers, cut_at=2_000_000),
        Answer(206, wrong, b"\0" * 1_000_000),
    ]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    assert "Range" not in site.asked[-1][1]


@pytest.mark.parametrize("etag", ["", 'W/"v1"'])
def test_without_a_strong_etag_it_begins_anew(etag: str, site: Site, fetch: Any) -> None:
    site.etag = etag
    site.script = [lambda headers: site.sound(headers, cut_at=2_000_000)]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    assert "Range" not in site.asked[1][1]


def test_a_part_that_is_longer_than_the_file_is_now(site: Site, fetch: Any) -> None:
    def breaks_and_shrinks(headers: dict[str, str]) -> Answer:
        answer = site.sound(headers, cut_at=2_000_000)
        site.content = b"[]"
        return answer

    site.script = [breaks_and_shrinks]
    assert fetch(f"{site.url}/x.json").read_bytes() == b"[]"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int, site: Site, fetch: Any) -> None:
    site.script = [Answer(status), Answer(status)]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT


@pytest.mark.parametrize("text", ["1", lambda: formatdate(time.time() + 2, usegmt=True)])
def test_retry_after_is_honoured(text: Any, site: Site, fetch: Any) -> None:
    site.script = [Answer(429, {"Retry-After": text if isinstance(text, str) else text()})]
    started = time.monotonic()
    fetch(f"{site.url}/x.json")
    assert 0.9 < time.monotonic() - started < 4


def test_it_gives_up(site: Site, fetch: Any) -> None:
    site.script = [Answer(500)] * 99
    with pytest.raises(
        StrataError, match=r"the server answers 500 .*; tried 6 times in a row"
    ) as error:
        fetch(f"{site.url}/x.json")
    assert error.value.exit_code == 1
    assert len(site.asked) == 6


def test_a_server_that_is_not_there(site: Site, fetch: Any) -> None:
    with serve(Site()) as gone:
        pass
    with pytest.raises(StrataError, match="could not be downloaded"):
        fetch(f"{gone.url}/x.json")


def test_a_server_that_says_nothing(
    site: Site, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", urllib3.Timeout(connect=1, read=0.2))

    def sleeps(headers: dict[str, str]) -> Answer:
        time.sleep(0.5)
        return site.sound(headers)

    site.script = [sleeps]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_does_not_pass_is_told_at_once(status: int, site: Site, fetch: Any) -> None:
    site.script = [Answer(status)]
    with pytest.raises(UsageError, match=f"the server answers {status}"):
        fetch(f"{site.url}/x.json?token=secret")
    assert len(site.asked) == 1


def test_more_bytes_than_are_sane(site: Site, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1_000_000)
    with pytest.raises(BadFile, match="at most 1000000 bytes"):
        fetch(f"{site.url}/told.json")
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
    site.script = [Answer(200, {"Transfer-Encoding": "chunked"}, body)]
    with pytest.raises(BadFile, match="at most 1000000 bytes"):
        fetch(f"{site.url}/untold.json")


def test_more_time_than_is_sane(site: Site, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_SECONDS", -1)
    with pytest.raises(StrataError, match="takes longer"):
        fetch(f"{site.url}/x.json")


CHECKSUMS = {
    "Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:",
    "Content-Digest": f"unixsum=:MA==:, sha-512=:{base64.b64encode(hashlib.sha512(CONTENT).digest()).decode()}:",
    "Digest": f"SHA-256={base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}",
    "Content-MD5": base64.b64encode(hashlib.md5(CONTENT).digest()).decode(),
    "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
    "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode(),
    "x-goog-hash": f"crc32c=AAAAAA==, md5={base64.b64encode(hashlib.md5(CONTENT).digest()).decode()}",
}


@pytest.mark.parametrize("header", CHECKSUMS)
def test_a_checksum_that_the_server_tells(
    header: str, site: Site, fetch: Any, said: list[str], tmp_path: Path
) -> None:
    site.script = [Answer(200, {header: CHECKSUMS[header]}, CONTENT)]
    fetch(f"{site.url}/x.json")
    assert said[-1].endswith(" checked")
    site.script = [Answer(200, {header: CHECKSUMS[header]}, CONTENT[:-1] + b"\0")]
    with pytest.raises(BadFile, match="nothing was taken"):
        fetch(f"{site.url}/y.json")
    assert not (tmp_path / "launches/launches/y.json").exists()
    assert left_over(tmp_path) == []


def test_a_checksum_of_a_resumed_file_is_of_the_whole(site: Site, fetch: Any) -> None:
    def with_digest(headers: dict[str, str], **more: Any) -> Answer:
        answer = site.sound(headers, **more)
        answer.headers["Repr-Digest"] = CHECKSUMS["Repr-Digest"]
        answer.headers["Content-MD5"] = base64.b64encode(hashlib.md5(answer.body).digest()).decode()
        return answer

    site.script = [lambda headers: with_digest(headers, cut_at=2_000_000), with_digest]
    assert fetch(f"{site.url}/x.json").read_bytes() == CONTENT
    assert len(site.asked) == 2


def test_a_checksum_that_the_caller_tells(site: Site, fetch: Any) -> None:
    assert fetch(f"{site.url}/x.json#sha256={site.sha256()}").read_bytes() == CONTENT
    with pytest.raises(BadFile, match="the sha256 of"):
        fetch(f"{site.url}/y.json#sha256={'0' * 64}")


@pytest.mark.parametrize("fragment", ["sha256=12", "crc32c=12345678", "top", "sha256=" + "x" * 64])
def test_a_fragment_that_is_no_checksum(fragment: str) -> None:
    with pytest.raises(UsageError, match="stands its checksum"):
        stated_in_url(f"http://127.0.0.1/x#{fragment}")


def test_checksums_that_are_not_of_the_bytes_are_passed_over() -> None:
    digest = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    told = {
        "x-amz-checksum-sha256": f"{digest}-2",
        "Content-MD5": "not base64",
        "Digest": "sha-256=AAAA",
    }
    assert stated_in_headers(told, is_part=False) == []
    assert stated_in_headers({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, is_part=True) == []
    assert stated_in_headers({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, is_part=False) == [
        Checksum("md5", hashlib.md5(b"").digest())
    ]


# --- where it leads ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int, site: Site, fetch: Any) -> None:
    site.script = [Answer(status, {"Location": "../b/y.json"})]
    assert fetch(f"{site.url}/a/x.json").name == "x.json"
    assert [path for path, _ in site.asked] == ["/a/x.json", "/b/y.json"]


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "does not lead into a private network"),
        ("http://[::ffff:169.254.169.254]/", "does not lead into a private network"),
        ("http://[64:ff9b::a9fe:a9fe]/", "does not lead into a private network"),
        ("http://[fe80::1]/", "does not lead into a private network"),
        ("http://10.0.0.1/", "does not lead into a private network"),
        ("http://0.0.0.0/", "does not lead into a private network"),
        ("https://127.0.0.1/", "from http to https"),
        ("file:///etc/passwd", "from http to file"),
        ("ftp://127.0.0.1/", "from http to ftp"),
        ("http://user:password@127.0.0.1/", "holds no password"),
        ("http://127.0.0.1:notaport/", "leads to a web address"),
    ],
)
def test_redirects_that_are_not_followed(location: str, says: str, site: Site, fetch: Any) -> None:
    site.script = [Answer(302, {"Location": location})]
    with pytest.raises(BadFile, match=says):
        fetch(f"{site.url}/x.json")
    assert len(site.asked) == 1


def test_a_redirect_from_the_public_to_this_machine(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = addresses.Address("http", "example.org", 80, "/", ("93.184.216.34",), addresses.PUBLIC)
    with pytest.raises(BadFile, match=r"127\.0\.0\.1, which is loopback"):
        addresses.redirected(public, public, f"{site.url}/x.json")


def test_redirects_without_end(site: Site, fetch: Any) -> None:
    site.script = [Answer(302, {"Location": "/x.json"})] * 99
    with pytest.raises(BadFile, match="at most 5 times"):
        fetch(f"{site.url}/x.json")
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/y",
        "http://",
        "http:///x",
        "http://x:99999/",
        "http://a b/",
        "http://u:p@x/",
        "http://x/\n",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError):
        addresses.resolve(url)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("93.184.216.34", "public"),
        ("2606:2800:220:1:248:1893:25c8:1946", "public"),
        ("10.1.2.3", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("127.0.0.2", "loopback"),
        ("::1", "loopback"),
        ("169.254.169.254", "special"),
        ("fe80::1%eth0", "special"),
        ("224.0.0.1", "special"),
        ("0.0.0.0", "special"),
        ("::ffff:10.0.0.1", "private"),
        ("2002:7f00:1::", "loopback"),
    ],
)
def test_networks(ip: str, network: str) -> None:
    assert addresses.network_of(ip) == network


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(StrataError, match="cannot be found"):
        addresses.resolve("http://nobody.invalid/x")


# --- https ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `localhost` that it signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder(
            name,
            name,
            key.public_key(),
            x509.random_serial_number(),
            now,
            now + datetime.timedelta(days=1),
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    form, coding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(coding, form, serialization.NoEncryption()) + signed.public_bytes(coding)
    )
    return path


def test_https(certificate: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The IP is asked, the certificate must be that of the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(Site(b"[]"), context, "localhost") as secure:
        with pytest.raises(StrataError, match="certificate that this machine trusts"):
            fetch(f"{secure.url}/x.json")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch(f"{secure.url}/x.json").read_bytes() == b"[]"
        with pytest.raises(StrataError, match="certificate that this machine trusts"):
            fetch(f"{secure.url.replace('localhost', '127.0.0.1')}/x.json")


# --- recorded ---------------------------------------------------------------------------------


def test_the_state_is_small_and_holds_no_address(site: Site, fetch: Any, tmp_path: Path) -> None:
    fetch(f"{site.url}/x.json?token=secret")
    (state,) = (tmp_path / ".downloads").rglob("*.json")
    assert json.loads(state.read_text()) == {
        "etag": '"v1"',
        "last_modified": "",
        "bytes": len(CONTENT),
        "path": "x.json",
    }
    state.write_text("{")
    assert fetch(f"{site.url}/x.json?token=secret").name.endswith("-x.json")
