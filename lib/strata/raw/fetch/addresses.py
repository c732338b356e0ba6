"""Where a web address leads, and whether a redirect may lead there.

What a person types may lie anywhere, on this machine too. A redirect is what a server says: it may
lead to the public Internet, or stay on the kind of network that the person named, and never to
another scheme. So no server can make this machine ask another within its network, or the cloud's
metadata service.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from strata.errors import BadFile, StrataError, UsageError

PUBLIC, PRIVATE, LOOPBACK, SPECIAL = "public", "private", "loopback", "special"
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True)
class Address:
    """A web address, resolved once: a second answer of the name server cannot lead elsewhere."""

    scheme: str
    host: str
    port: int
    target: str  # path and query, as they are asked for
    ips: tuple[str, ...]
    network: str  # the least public of its IPs: PUBLIC, PRIVATE, LOOPBACK or SPECIAL

    @property
    def shown(self) -> str:
        """Without its query, in which secrets may stand."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def authority(self) -> str:
        """Host and port as an HTTP request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def resolve(url: str) -> Address:
    """The address that somebody typed. UsageError where it is none, StrataError where its name is
    unknown.
    """
    parts = _split(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StrataError(f"{parts.scheme}://{host} cannot be found: {error}", host=host) from None
    ips = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    networks = {network_of(ip) for ip in ips}
    least = next(kind for kind in (SPECIAL, LOOPBACK, PRIVATE, PUBLIC) if kind in networks)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port, target, ips, least)


def redirected(typed: Address, here: Address, location: str) -> Address:
    """Where a redirect leads; BadFile where it must not be followed."""
    there = urljoin(f"{here.scheme}://{here.authority}{here.target}", location)
    try:
        scheme = urlsplit(there).scheme
        if scheme != typed.scheme:
            raise BadFile(
                f"a redirect stays with its scheme; {here.shown} leads from {typed.scheme} to "
                f"{scheme or 'nowhere'}: "
                "give the address that it leads to, if you trust it"
            )
        address = resolve(there)
    except (UsageError, ValueError) as error:
        raise BadFile(
            f"a redirect leads to a web address; that of {here.shown} does not: {error}"
        ) from None
    if address.network != PUBLIC and (
        address.network == SPECIAL or address.network != typed.network
    ):
        raise BadFile(
            f"a redirect does not lead into a private network; {here.shown} leads to "
            f"{address.host}, which is {address.network}",
            network=address.network,
        )
    return address


def network_of(ip: str) -> str:
    """PUBLIC, PRIVATE, LOOPBACK, or SPECIAL: link-local (a cloud's metadata service), multicast,
    reserved.
    """
    address = _inner(ipaddress.ip_address(ip.partition("%")[0]))
    if address.is_loopback:
        return LOOPBACK
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    ):
        return SPECIAL
    return PUBLIC if address.is_global else PRIVATE


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one only wraps."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"a web address must be well-formed; {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname or _UNSAFE.search(url):
        raise UsageError("a web address is http:// or https://, a host and a path, without spaces")
    if "@" in parts.netloc:
        raise UsageError(
            "a web address holds no password: it would stand in shell histories and process lists"
        )
    return parts
