"""
The body of an SMS: a file `24h.sms.md` next to the reminder's `24h.md`, or `missed.sms.md` next to the follow-up's
`missed.md`. It is plain text without a heading.

    BusinessX: our call is on {{ day }} at {{ hour }}. Reply STOP to end texts.

Line breaks stay. Quotes, dashes and spaces are replaced by those of GSM-7, so that none of them doubles the price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Template

from common.campaigns.body import Values, compile_template, filled
from common.campaigns.compiled import SmsPolicy
from common.campaigns.templates import Templates
from common.domain.sms import plain_text, size_of


@dataclass(frozen=True, slots=True)
class SmsBody:
    """A compiled body of an SMS. `file`: its name in errors."""

    file: str
    template: Template

    def text_for(self, values: Values) -> str:
        """Render the SMS. Raises CampaignError for a value that is empty or was not given."""
        text = plain_text(filled(self.file, "the text", self.template, values, first_line=1))
        return "\n".join(line for each in text.split("\n") if (line := " ".join(each.split())))


def read_sms(file: str, source: str, *, known: Mapping[str, frozenset[str]], templates: Templates) -> SmsBody:
    """Compile the body of an SMS. Raises CampaignError for a syntax error or an unknown name, in any branch."""
    template, _ = compile_template(file, "the text", source, 1, known=known, templates=templates)
    return SmsBody(file, template)


def price_of(text: str, policy: SmsPolicy | None) -> str:
    """Return size and price: `1 segment in GSM-7, US$0.0083`. The price is without the carriers' fees."""
    size = size_of(text)
    return f"{size.label}, US${size.segments * policy.segment_price:.4f}" if policy else size.label
