"""All kinds of faults at once, at both providers, before and after a request is carried out."""

from __future__ import annotations

from typing import Any

# Relative frequencies. A spent quota is left out: it holds all mail for an hour, as it should.
_RESEND: list[tuple[float, dict[str, Any]]] = [
    (10, {"kind": "drop_before"}),
    (18, {"kind": "drop_after"}),
    (14, {"kind": "error_after"}),
    (10, {"kind": "unavailable"}),
    (8, {"kind": "html_502"}),
    (3, {"kind": "html_200"}),
    (12, {"kind": "rate_limited"}),
    (8, {"kind": "concurrent"}),
    (12, {"kind": "slow", "seconds": 1.5}),
    (2, {"kind": "timeout_before", "seconds": 12}),
    (2, {"kind": "timeout_after", "seconds": 12}),
    (0.2, {"kind": "other_payload"}),
    (0.5, {"kind": "domain_unverified"}),
    (0.5, {"kind": "status", "status": 401}),
    (1, {"kind": "status", "status": 422, "message": "Invalid `to` field"}),
]
_NOTION: list[tuple[float, dict[str, Any]]] = [
    (10, {"kind": "drop_before"}),
    (18, {"kind": "drop_after"}),
    (14, {"kind": "unheard_503"}),
    (14, {"kind": "committed_503"}),
    (10, {"kind": "unavailable"}),
    (8, {"kind": "html_502"}),
    (8, {"kind": "conflict"}),
    (6, {"kind": "overloaded"}),
    (6, {"kind": "rate_limited"}),
    (8, {"kind": "slow", "seconds": 1.5}),
    (1, {"kind": "timeout_after", "seconds": 12}),
    (0.3, {"kind": "blocked"}),
]


def fault_rules(share: float) -> list[dict[str, Any]]:
    """Return rules by which this share (0 … 1) of all requests to either provider fails."""
    return [
        *_rules("resend", "emails.*", _RESEND, share),
        *_rules("notion", "*", _NOTION, share),
    ]


def _rules(
    provider: str, operation: str, kinds: list[tuple[float, dict[str, Any]]], share: float
) -> list[dict[str, Any]]:
    """Return a provider's rules. The first that applies decides, so each gets its part of what earlier ones left."""
    whole = sum(weight for weight, _ in kinds)
    rules, left = [], 1.0
    for weight, kind in kinds:
        part = share * weight / whole
        rules.append({"provider": provider, "operation": operation, "probability": part / left, **kind})
        left -= part
    return rules
