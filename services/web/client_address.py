"""The address that a request comes from: the peer, or what trusted proxies say in `X-Forwarded-For`."""

from __future__ import annotations

import ipaddress

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def request_source(request: web.BaseRequest, trusted: tuple[Network, ...]) -> str:
    """Return the source of a request (see `source_of`)."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return source_of(request.remote or "", forwarded, trusted)


def source_of(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """
    Return the peer's address, or the rightmost hop of X-Forwarded-For that is not a trusted proxy.

    `forwarded`: the header's value; ignored without `trusted`. For IPv6, return the /64 network, which one client owns.
    """
    hops = [hop for hop in (*forwarded.split(","), peer) if hop.strip()] if trusted else [peer]
    source = None
    for hop in reversed(hops):
        address = address_of(hop)
        if address is None:
            break  # The hop that wrote this is not trusted for the hops before it either.
        source = address
        if not any(address in network for network in trusted):
            break
    return _client_network(source) if source else peer


def is_trusted(peer: str, trusted: tuple[Network, ...]) -> bool:
    """Return whether `peer` is a proxy whose forwarding headers count."""
    address = address_of(peer)
    return address is not None and any(address in network for network in trusted)


def address_of(text: str) -> Address | None:
    """Return the IP address in `text`, with or without brackets; None for anything else."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _client_network(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
