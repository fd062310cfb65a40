"""Whoever gave no name that can be shown is greeted without one, in every e-mail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.campaigns import samples
from common.campaigns.loader import Campaign
from common.domain.segment import Segment

UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada"


@pytest.mark.parametrize("segment", list(Segment))
@pytest.mark.parametrize("step", range(1, 8))
def test_a_greeting_without_a_name_reads_well(campaign: Campaign, segment: Segment, step: int) -> None:
    person = replace(samples.sparsest(segment), first_name="")
    mail = campaign.render(step, person, segment=segment, identity=samples.IDENTITY, unsubscribe_url=UNSUBSCRIBE)

    assert "Hello,\n" in mail.text
    for gap in ("Hi ,", " ,", "{{", "None"):
        assert gap not in mail.subject + mail.text
    assert mail.subject[0].isupper()
