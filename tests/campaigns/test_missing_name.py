"""A contact who gave no name that can be shown is greeted without one, in every e-mail and language."""

from __future__ import annotations

import pytest

from common.campaigns import samples
from common.campaigns.loader import Campaign


@pytest.mark.parametrize("language", ["en-CA", "fr-CA"])
def test_a_greeting_without_a_name_reads_well(campaign: Campaign, language: str) -> None:
    people = {
        segment: {**samples.person(campaign.compiled, segment, "sparse"), "first_name": ""}
        for segment in campaign.segments
    }
    mails = list(samples.mails(campaign, samples.IDENTITY, kind="sparse", language=language, people=people))

    assert len(mails) > 7
    for sample in mails:
        greeting = {"en-CA": "Hello,", "fr-CA": "Bonjour,"}[language]
        assert sample.mail.text.startswith(greeting + "\n"), sample.name
        for gap in ("Hi ,", "Bonjour ,", "{{", "None"):
            assert gap not in sample.mail.subject + sample.mail.text, sample.name
        assert sample.mail.subject[0].isupper()
