"""Where a request comes from: the peer, or what proxies say that are trusted."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def source_of(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """
    Where a request comes from: the peer, or the rightmost hop of X-Forwarded-For that is no trusted proxy.

    An IPv6 source is its /64: that much belongs to one household.
    """
    hops = [hop for hop in (*forwarded.split(","), peer) if hop.strip()] if trusted else [peer]
    source = None
    for hop in reversed(hops):
        address = address_of(hop)
        if address is None:
            break  # Whoever wrote this is not to be believed beyond it.
        source = address
        if not any(address in network for network in trusted):
            break
    return _household(source) if source else peer


def is_trusted(peer: str, trusted: tuple[Network, ...]) -> bool:
    """Whether this peer is a proxy whose headers are believed."""
    address = address_of(peer)
    return address is not None and any(address in network for network in trusted)


def address_of(text: str) -> Address | None:
    """An IP address, in brackets or not; None for anything else."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _household(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
