"""The words that the lint searches for, by language. Texts in other languages are not searched."""

from __future__ import annotations

import re
from collections.abc import Mapping

Pattern = re.Pattern[str]


def _any_of(*phrases: str) -> Pattern:
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


_WEEKDAYS_EN = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_WEEKDAYS_FR = "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"

RELATIVE_DAYS: Mapping[str, Pattern] = {
    "en": _any_of("tomorrow", "yesterday", "tonight", rf"(?:this|next|last) (?:{_WEEKDAYS_EN}|weekend)"),
    "fr": _any_of("demain", "après-demain", "hier", "ce soir", rf"(?:{_WEEKDAYS_FR}) (?:prochain|dernier)"),
}
"""Words for days relative to today. A mail may wait for its gap, its window or the provider, and be read days later."""

SPAM: Mapping[str, Pattern] = {
    "en": _any_of(
        r"100% free",
        "act now",
        "amazing offer",
        "buy now",
        "cash bonus",
        "click here",
        "congratulations",
        "dear friend",
        "don't miss out",
        "double your (?:income|money|sales)",
        "guaranteed",
        "last chance",
        "limited time",
        "no obligation",
        "once in a lifetime",
        "order now",
        "risk[- ]free",
        "winner",
        "while supplies last",
    ),
    "fr": _any_of(
        r"100\s?% gratuit",
        "agissez maintenant",
        "argent facile",
        "cliquez ici",
        "dernière chance",
        "félicitations",
        "gagnez",
        "garanti(?:e|s|es)?",
        "ne manquez pas",
        "offre exceptionnelle",
        "offre limitée",
        "sans engagement",
        "sans risque",
        "temps limité",
    ),
}

_ENGLISH = "the and you your is are with for that this it not what they have will from before"
_FRENCH = "le la les des et vous votre vos est sont avec pour que qui dans une pas nous plus ce cette"
COMMON: Mapping[str, frozenset[str]] = {"en": frozenset(_ENGLISH.split()), "fr": frozenset(_FRENCH.split())}
"""Words that show the language of a paragraph; no word is in two lists."""
