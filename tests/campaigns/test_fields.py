"""A signup is read by the fields that its campaign declares: unusable values are named and cost no lead needlessly."""

from __future__ import annotations

import pytest

from common.campaigns.compiled import Field
from common.campaigns.fields import expected, json_schema, usable
from common.campaigns.loader import Campaign

TEAM = Field(name="team", type="integer", variable="team", minimum=1, maximum=500, default=1, example=4)
FIELDS = (
    Field(name="first_name", type="text", variable="first_name", required=True),
    TEAM,
    Field(name="goal", type="choice", variable="goal", choices=("earn_more", "work_less")),
    Field(name="member", type="boolean", variable="member"),
    Field(name="scores", type="scores", variable="scores", minimum=0, maximum=100),
)


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        (FIELDS[0], " Ada ", "Ada"),
        (FIELDS[0], " \u200b", None),
        (FIELDS[2], "earn_more", "earn_more"),
        (FIELDS[2], "fly", None),
        (FIELDS[3], "true", True),
        (FIELDS[3], "perhaps", None),
    ],
)
def test_unusable_field_value_is_dropped(field: Field, value: object, read: object) -> None:
    assert read == usable(field, value)


def test_refused_value_is_reported_with_what_is_expected() -> None:
    assert expected(FIELDS[2]) == "one of earn_more, work_less"


@pytest.mark.parametrize(
    ("value", "read"),
    [(1, 1), ("500", 500), (2.0, 2), (0, None), (501, None), (1.5, None), (True, None), ("two", None), ([1], None)],
)
def test_number_outside_its_bounds_or_of_another_type_is_unusable(value: object, read: int | None) -> None:
    assert read == usable(TEAM, value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"GPS": 40, "CREW": "55"}, {"GPS": 40, "CREW": 55}),
        ({"GPS": 40, "CREW": 101}, None),
        ({"GPS": 40, " ": 1}, None),
        ({}, None),
        ([40, 55], None),
        ({str(number): 1 for number in range(41)}, None),
    ],
)
def test_scores_are_usable_only_if_every_score_is(value: object, read: object) -> None:
    assert read == usable(FIELDS[4], value)


def test_json_schema_describes_the_fields(campaign: Campaign) -> None:
    schema = json_schema(FIELDS)

    assert schema["required"] == ["first_name"]
    assert schema["properties"]["team"] == {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 500,
        "default": 1,
        "examples": [4],
    }
    assert schema["properties"]["goal"]["enum"] == ["earn_more", "work_less", None]
    assert schema["properties"]["scores"]["additionalProperties"] == {"type": "number", "minimum": 0, "maximum": 100}
    assert set(json_schema(campaign.compiled.fields)["required"]) == {"first_name", "assessment_score"}
