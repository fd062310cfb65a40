"""Somebody who might sign up: plausible, different each time, at an address that can reach nobody."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

_NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Goran", "Hana", "Ivana", "Jonas", "Keiko", "Luis")
_BUSINESSES = ("Salon Noir", "Blue Door Studio", "The Barber Room", "Lotus Day Spa", "Main Street Dental", "Pine & Co")
_ZONES = ("America/Toronto", "America/Vancouver", "America/Halifax", "America/Edmonton")
_SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT")


def sample_signup(email: str | None = None) -> dict[str, Any]:
    """A signup as the website posts it; example.com is reserved, so a made-up address is nobody's (RFC 2606)."""
    tag = secrets.token_hex(3)
    draw = Random(tag)
    name = draw.choice(_NAMES)
    red, orange, yellow = draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2)
    weakest, second, *_, strongest = draw.sample(_SYSTEMS, len(_SYSTEMS))
    return {
        "email": email or f"{name.lower()}.{tag}@example.com",
        "first_name": name,
        "business_name": draw.choice(_BUSINESSES),
        "assessment_score": draw.randint(30, 85),
        "red_systems": red,
        "orange_systems": orange,
        "yellow_systems": yellow,
        "green_systems": 8 - red - orange - yellow,
        "gps_score": draw.randint(20, 90),
        "money_score": draw.randint(20, 90),
        "weakest_system_1": weakest,
        "weakest_system_2": second,
        "strongest_system": strongest,
        "revenue_leak_total": draw.randint(4, 60) * 500,
        "timezone": draw.choice(_ZONES),
        "locale": "en-CA",
    }
