"""A segment's rule is either understood completely or refused when the campaign is loaded."""

from __future__ import annotations

import pytest

from common.campaigns.compiled import Field
from common.campaigns.rules import RuleError, read_rule

FIELDS = {
    field.name: field
    for field in (
        Field(name="team", type="integer", variable="team", default=1),
        Field(name="revenue", type="money", variable="revenue"),
        Field(name="goal", type="choice", variable="goal", choices=("earn_more", "work_less")),
        Field(name="city", type="text", variable="city"),
        Field(name="member", type="boolean", variable="member"),
        Field(name="scores", type="scores", variable="scores"),
    )
}


@pytest.mark.parametrize(
    ("rule", "reported", "holds"),
    [
        ("team >= 2", {"team": 2}, True),
        ("team >= 2", {"team": 1}, False),
        ("team >= 2", {}, False),
        ("team == 1", {}, True),
        ("revenue >= 100", {}, False),
        ("not revenue >= 100", {}, False),
        ("revenue >= 100 or team == 1", {}, True),
        ("revenue >= 100 and team == 1", {}, False),
        ("not (revenue >= 100 and team == 2)", {}, True),
        ("1 <= team < 3", {"team": 2}, True),
        ("1 <= team < 3", {"team": 3}, False),
        ("team * 1000 + 1 > revenue - 1", {"revenue": 1000}, True),
        ("-team < 0", {}, True),
        ("goal == 'earn_more'", {"goal": "earn_more"}, True),
        ("goal != 'earn_more'", {}, False),
        ("goal in ('earn_more', 'work_less')", {"goal": "work_less"}, True),
        ("team not in (1, 2)", {"team": 3}, True),
        ("city == 'Québec'", {"city": "Québec"}, True),
        ("member", {"member": True}, True),
        ("not member", {"member": False}, True),
        ("member == False", {"member": False}, True),
        ("revenue > 1", {"revenue": "much"}, False),
    ],
)
def test_rule_holds_only_when_the_known_values_satisfy_it(rule: str, reported: dict[str, object], holds: bool) -> None:
    assert holds == read_rule(rule, FIELDS).holds(reported)


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("", "not an expression"),
        ("team >=", "not an expression"),
        ("team = 2", "not an expression"),
        ("team", "a number, not a condition"),
        ("taem >= 2", "unknown field 'taem'; did you mean 'team'"),
        ("team >= 'two'", "a number compared with a text"),
        ("city >= 'A'", "a text has no order"),
        ("goal == 'earn_mor'", "is not a choice of this field; did you mean 'earn_more'"),
        ("goal in ('work', 1)", "cannot mix types"),
        ("goal in 'earn_more'", "needs a list"),
        ("team in ()", "at least one value"),
        ("team and member", "and: needs a boolean, but team is a number"),
        ("not team", "not: needs a boolean, but team is a number"),
        ("scores == 1", "scores cannot be part of a rule"),
        ("team is 1", "write == or !="),
        ("team / 0 == 1", "not allowed; use and, or"),
        ("team ** 9 == 1", "not allowed"),
        ("__import__('os').system('true')", "not allowed"),
        ("city.upper() == 'A'", "not allowed"),
        ("[team for team in (1,)] == 1", "not allowed"),
        ("(lambda: True)()", "not allowed"),
        ("team == None", "None: not allowed"),
        ("team == 1 if member else member", "not allowed"),
        ("(" * 400 + "team" + ")" * 400, "longer than 500"),
        ("not " * 120 + "team == 1", None),
    ],
)
def test_rule_with_any_other_python_is_refused(rule: str, complaint: str | None) -> None:
    if complaint is None:
        read_rule(rule, FIELDS)
        return
    with pytest.raises(RuleError, match=complaint) as refused:
        read_rule(rule, FIELDS)
    assert "\n" not in str(refused.value)
