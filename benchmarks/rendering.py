"""
Measures the processor time of a rendered mail, relative to the same mail rendered without a cached skeleton.

Typical people (`cast.py`) get all steps, in pairs of rounds: one with cached skeletons, one without any. The ratio of
the two hardly depends on the machine. Rounds before them fill the cache.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from benchmarks.cast import person
from benchmarks.figures import Figure, Goal
from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.loader import load_campaign
from common.domain.contact import Assessment


def measure(*, people: int, rounds: int) -> list[Figure]:
    campaign = load_campaign("christmas_2025")
    plain = replace(campaign, renderer=campaign.renderer.without_skeletons())
    cast = [person(number) for number in range(people)]
    _round(campaign, cast)
    _round(campaign, cast)
    pairs = [(_round(campaign, cast), _round(plain, cast)) for _ in range(rounds)]
    ours, theirs = (median(times) for times in zip(*pairs, strict=True))
    about = f"{people} people, median of {rounds} rounds; without a cached skeleton: {theirs * 1_000:.2f} ms"
    return [
        Figure("a rendered mail", round(ours * 1_000, 2), "ms of processor time", Goal(1.0), about),
        Figure("the same, relative to one without a cached skeleton", round(ours / theirs, 2), "times", Goal(0.35)),
    ]


def _round(campaign: Campaign, cast: Sequence[Assessment]) -> float:
    """Return the processor time per mail, in seconds."""
    begun = time.process_time()
    for one in cast:
        for step in campaign.steps:
            campaign.messages.render(
                step.id,
                one,
                segment=one.segment,
                identity=samples.IDENTITY,
                unsubscribe_url=f"https://advent.example/unsubscribe/{one.email}",
            )
    return (time.process_time() - begun) / (len(cast) * len(campaign.steps))
