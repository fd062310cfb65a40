"""A campaign's texts in one language: its bodies, systems and strings, ready to be filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.campaigns.body import Body, read_body
from common.campaigns.compiled import CompiledCampaign, Texts
from common.campaigns.errors import CampaignError
from common.campaigns.facts import REMINDER_VARIABLES, Identity
from common.campaigns.language import Language
from common.campaigns.sms import SmsBody, read_sms
from common.campaigns.systems import SystemBook
from common.campaigns.templates import Templates
from common.campaigns.variables import email_variables
from common.campaigns.wording import clean


class Translation:
    """The texts in one language. Bodies are compiled at their first use."""

    def __init__(self, campaign: CompiledCampaign, tag: str, texts: Texts) -> None:
        self._campaign, self._texts, self._home = campaign, texts, f"{campaign.key}/{tag}"
        self.language = Language(tag, texts.strings, campaign.currency)
        self.strings = texts.strings
        self.systems = SystemBook(texts.systems)
        self._templates = Templates(self.language)
        self._bodies: dict[str, Body] = {}
        self._sms_bodies: dict[str, SmsBody] = {}

    def body(self, name: str) -> Body:
        """Return a body. `name`: its file, such as `emails/1-results.md`. Raises CampaignError."""
        if name not in self._bodies:
            is_of_call = name.startswith(("reminders/", "follow_ups/"))
            self._bodies[name] = read_body(
                f"{self._home}/{name}",
                self._texts.bodies[name],
                known=REMINDER_VARIABLES if is_of_call else email_variables(self._campaign),
                templates=self._templates,
                segments=() if is_of_call else tuple(segment.name for segment in self._campaign.segments),
            )
        return self._bodies[name]

    def sms(self, name: str) -> SmsBody:
        """Return the body of an SMS. `name`: its file, such as `reminders/24h.sms.md`. Raises CampaignError."""
        if name not in self._sms_bodies:
            self._sms_bodies[name] = read_sms(
                f"{self._home}/{name}", self._texts.bodies[name], known=REMINDER_VARIABLES, templates=self._templates
            )
        return self._sms_bodies[name]

    def identity(self, identity: Identity) -> Identity:
        """Return the sender, with the name for readers of this language."""
        name = self.strings.sender_name
        return replace(identity, sender_name=name) if name else identity

    def series(self, step: int) -> str:
        """Return `Christmas 2025 · Letter 1 of 7`."""
        strings = self.strings
        return strings.frame.series.format(campaign=strings.campaign_name, step=step, steps=len(self._campaign.steps))

    def frame(self, subject: str, preheader: str, identity: Identity, unsubscribe_url: str) -> dict[str, Any]:
        """Return the layout's values that are the same for steps and reminders. Raises CampaignError."""
        frame = self.strings.frame
        link = _shown("PUBLIC_URL", unsubscribe_url)
        return {
            "subject": subject,
            # For screen readers. MJML would write a no-break space here as an escape of a string literal.
            "title": subject.replace("\u00a0", " ").replace("\u202f", " "),
            "preheader": preheader,
            "language": self.language.tag,
            "direction": self.language.direction,
            "brand": self._campaign.brand.name,
            "look": self._campaign.brand,
            "signature": self.strings.signature or "",
            "sender_name": _shown("EMAIL_FROM", identity.sender_name),
            "contact_address": _shown("EMAIL_REPLY_TO", identity.contact_address),
            "postal_address": _shown("EMAIL_POSTAL_ADDRESS", ", ".join(identity.postal_address.splitlines())),
            "unsubscribe_url": link,
            "unsubscribe": frame.unsubscribe,
            "unsubscribe_rest": frame.unsubscribe_rest,
            "unsubscribe_text": frame.unsubscribe_text.format(unsubscribe_url=link),
        }


def _shown(setting: str, value: str) -> str:
    """
    Return a value that the law requires in every mail: the sender and how to unsubscribe. Raises CampaignError if it is
    blank.
    """
    text = clean(value)
    if not text:
        raise CampaignError(f"{setting}: empty; every mail must show it")
    return text
