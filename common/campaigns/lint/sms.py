"""The lint of rendered SMS: their price, and whether they say how to stop them."""

from __future__ import annotations

from collections.abc import Iterator

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.compiled import SmsPolicy
from common.campaigns.facts import Identity
from common.campaigns.lint.finding import Finding
from common.campaigns.sms import price_of
from common.domain.sms import foreign_characters, size_of

_STOP_WORDS = ("STOP", "ARRET")


def sms_findings(campaign: Campaign, identity: Identity) -> Iterator[Finding]:
    """Yield the findings in every SMS in every language, for a call with all values and one with few, and its price."""
    for language in campaign.languages:
        found: dict[str, list[str]] = {}
        for kind in samples.MEETINGS:
            for _, file, text in samples.texts(campaign, identity, kind=kind, language=language):
                found.setdefault(f"{campaign.key}/{language}: {file}", []).append(text)
        for where, texts in found.items():
            for text in texts:
                yield from _of_text(campaign.compiled.sms, where, text)
            longest = max(texts, key=lambda text: (size_of(text).segments, len(text)))
            problem = f"{len(longest)} characters at most, {price_of(longest, campaign.compiled.sms)}"
            yield Finding(where=where, rule="sms-price", problem=problem, is_note=True)


def _of_text(policy: SmsPolicy | None, where: str, text: str) -> Iterator[Finding]:
    price = price_of(text, policy)
    if foreign := foreign_characters(text):
        plain = price_of("".join(each for each in text if each not in foreign), policy)
        problem = f"{foreign!r} is not in the SMS alphabet: {price}, but without it {plain}; replace it"
        yield Finding(where=where, rule="sms", problem=problem)
    elif size_of(text).segments > 1:
        problem = f"{len(text)} characters are {price}; make it at most 160"
        yield Finding(where=where, rule="sms", problem=problem)
    if not any(word in text for word in _STOP_WORDS):
        problem = "it does not say how to stop these SMS; add a line such as: Reply STOP to end these texts"
        yield Finding(where=where, rule="sms", problem=problem, is_error=True)
