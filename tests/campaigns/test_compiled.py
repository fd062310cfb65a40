"""A campaign is one value: it survives JSON, plays without its files, and is the same wherever it is compiled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from common.campaigns import samples
from common.campaigns.campaign import campaign_of
from common.campaigns.compile import compile_campaign
from common.campaigns.compiled import from_json
from common.campaigns.errors import CampaignError
from common.campaigns.loader import Campaign
from common.campaigns.rules import reported
from common.domain.contact import Segment
from tests.campaigns import people


def test_campaign_survives_json_unchanged(campaign: Campaign) -> None:
    back = from_json(campaign.compiled.to_json())

    assert campaign.compiled == back
    assert campaign.compiled.digest == back.digest


def test_every_mail_is_the_same_without_the_files(home: Path, campaign: Campaign) -> None:
    text = compile_campaign(home / "christmas_2025").to_json()
    shutil.rmtree(home / "christmas_2025")

    stored = campaign_of(from_json(text))

    for kind in samples.KINDS:
        written = [*samples.mails(campaign, samples.IDENTITY, kind=kind)]
        assert written == [*samples.mails(stored, samples.IDENTITY, kind=kind)]


def test_the_digest_does_not_depend_on_the_folder_around_it(home: Path, campaign: Campaign) -> None:
    shutil.rmtree(home / "christmas_2025" / "layout")

    assert campaign.compiled.digest == compile_campaign(home / "christmas_2025").digest


@pytest.mark.parametrize(
    ("spoiled", "complaint"),
    [
        ("", "damaged; apply the campaign again"),
        ("[]", "damaged"),
        (
            '{"format": 2, "campaign": {}}',
            "has format 2, but this Advent reads format 1; run the Advent that applied it",
        ),
        ('{"format": 1, "campaign": {"key": 1}}', "damaged at"),
    ],
)
def test_a_version_that_cannot_be_read_is_refused_in_one_line(spoiled: str, complaint: str) -> None:
    with pytest.raises(CampaignError, match=complaint) as refused:
        from_json(spoiled)
    assert "\n" not in str(refused.value)


def test_error_of_an_incomplete_version_names_the_missing_part(campaign: Campaign) -> None:
    data = json.loads(campaign.compiled.to_json())
    del data["campaign"]["steps"][2]["after"]

    with pytest.raises(CampaignError, match=r"damaged at steps\.2\.after"):
        from_json(json.dumps(data))


def test_the_seven_steps_keep_their_ids_and_their_columns(campaign: Campaign) -> None:
    numbers = range(1, 8)

    assert [f"step-{number}" for number in numbers] == [step.id for step in campaign.steps]
    assert [f"Email {number} Sent" for number in numbers] == [step.column for step in campaign.steps]
    assert campaign.compiled.status_column == "Christmas Campaign Status"


def test_step_is_found_by_its_id_and_by_its_position(campaign: Campaign) -> None:
    ada = people.fullest(Segment.URGENT)

    def mail(step: int | str) -> object:
        return campaign.messages.render(
            step, ada, segment="URGENT", identity=samples.IDENTITY, unsubscribe_url="https://advent.example/u"
        )

    assert mail(7) == mail("step-7")
    with pytest.raises(IndexError, match="step step-8 of 7"):
        mail("step-8")


def test_segment_rules_match_the_former_code_for_every_combination_of_counts() -> None:
    campaign = campaign_of(compile_campaign(Path(samples.__file__).parent / "christmas_2025"))

    for red in range(9):
        for orange in range(9 - red):
            expected = Segment.CRITICAL if red >= 2 else Segment.URGENT if red == 1 or orange >= 2 else Segment.OPTIMIZE
            assert expected == campaign.segment_of({"red_systems": red, "orange_systems": orange})
    assert campaign.segment_of({}) == "OPTIMIZE"


def test_mail_is_the_same_for_a_contact_given_as_a_mapping_of_field_names(campaign: Campaign) -> None:
    ada = people.fullest(Segment.CRITICAL)
    fields = {field.name: reported(ada, field.name) for field in campaign.compiled.fields}

    def mail(person: object) -> object:
        return campaign.messages.render(
            1,
            person,  # type: ignore[arg-type]
            segment="CRITICAL",
            identity=samples.IDENTITY,
            unsubscribe_url="https://advent.example/u",
        )

    assert mail(ada) == mail(fields)


def test_value_that_no_longer_has_its_fields_type_counts_as_missing(campaign: Campaign) -> None:
    person = {"first_name": "Ada", "assessment_score": 50, "revenue_leak_total": "much", "business_name": 7}

    mail = campaign.messages.render(
        1, person, segment="URGENT", identity=samples.IDENTITY, unsubscribe_url="https://advent.example/u"
    )

    assert "much" not in mail.text
    assert "taking the BusinessX assessment. Here" in mail.text
