"""`advent campaign plan [NAME]`"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from common.domain.enrollment import Enrollment
from common.domain.ids import normal_address, step_name
from common.versions.people import person_of
from common.versions.plan import Comparison, Outlook, Plan, plan_json
from services.cli.arguments import address
from services.cli.campaign.versions import OpenVersions, plan_of, print_plan, with_versions
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table

late_option = click.option("--late", is_flag=True, help="Also send new steps whose day has passed, at once.")


@click.command()
@click.argument("name", required=False)
@click.option("--contact", metavar="EMAIL", callback=address, help="Show what would change for one person.")
@late_option
@json_option
def command(name: str | None, contact: str | None, late: bool, as_json: bool) -> None:
    """
    Compare the files on disk with the version in force: what changes, and for how many people under way.

    Nothing is changed. NAME: one campaign; by default all that are played.
    """
    if contact is not None:
        of_person = with_versions(lambda versions: _person_plans(versions, name, contact, late=late))
        if as_json:
            print_json([plan.fields() for plan in of_person])
        else:
            for one in of_person:
                _print_person(one)
        return
    plans = with_versions(lambda versions: _plans(versions, name, late=late))
    if as_json:
        print_json([plan_json(plan) for plan in plans])
    else:
        for plan in plans:
            print_plan(plan)


async def _plans(versions: OpenVersions, name: str | None, *, late: bool) -> list[Plan]:
    return [await plan_of(versions, versions.files[key], send_late=late) for key in versions.chosen(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PersonPlan:
    """What would change for one person in one campaign. `changes`: (kind, step or None for every mail)."""

    source: str
    target: str
    enrollment: Enrollment
    outlook: Outlook
    changes: set[tuple[str, str | None]]

    @property
    def steps(self) -> list[tuple[str, int | None, int | None]]:
        """(step, due time now, due time after the change); a time is None when the step is not planned."""
        before, after = self.outlook.before, self.outlook.after
        return [(step_name(step), before.get(step), after.get(step)) for step in dict.fromkeys((*after, *before))]

    def fields(self) -> dict[str, Any]:
        """Return the plan for `--json`: the fields of a plan for all people, and more."""
        segments, languages = self.outlook.segments, self.outlook.languages
        return {
            "campaign": self.enrollment.campaign,
            "from": self.source,
            "to": self.target,
            "changes": [{"kind": kind, "step": step, "people": 1} for kind, step in sorted(self.changes, key=str)],
            "email": self.enrollment.assessment.email,
            "status": self.enrollment.status,
            "segment": {"from": segments[0], "to": segments[1]},
            "language": {"from": languages[0], "to": languages[1]},
            "steps": [{"step": step, "due_ms": now, "due_then_ms": then} for step, now, then in self.steps],
        }


async def _person_plans(versions: OpenVersions, name: str | None, contact: str, *, late: bool) -> list[_PersonPlan]:
    """Return the plan for this person in each of the campaigns that they are in. Raises CommandFailed if in none."""
    email, plans = normal_address(contact), []
    found = [await person_of(versions.ledger, id) for id in await versions.ledger.mailboxes.in_campaigns(email)]
    people = {person.enrollment.campaign: person for person in found if person is not None}
    for key in versions.chosen(name):
        if key not in people:
            continue
        source, target = versions.in_force[key], versions.files[key]
        comparison = Comparison(source, target, versions.settings.pace, now_ms=now_ms(), send_late=late)
        outlook = comparison.outlook(people[key])
        plan = _PersonPlan(
            source=source.version,
            target=target.version,
            enrollment=people[key].enrollment,
            outlook=outlook,
            changes={*comparison.changes_of(outlook)},
        )
        plans.append(plan)
    if not plans:
        raise CommandFailed(f"{email} is in none of these campaigns; try another spelling")
    return plans


def _print_person(plan: _PersonPlan) -> None:
    enrollment, outlook = plan.enrollment, plan.outlook
    click.echo(f"{enrollment.campaign}: {enrollment.assessment.email}, {enrollment.status}, {_arrow(outlook.segments)}")
    if outlook.languages[0] != outlook.languages[1]:
        click.echo(f"language: {_arrow(outlook.languages)}")
    everywhere = sorted(kind for kind, step in plan.changes if step is None)
    if everywhere:
        click.echo(f"every mail: {', '.join(everywhere)}")
    rows = [
        (step, _time(now), _time(then), ", ".join(sorted(kind for kind, name in plan.changes if name == step)))
        for step, now, then in plan.steps
    ]
    print_table(["step", "due now (UTC)", "due then (UTC)", "change"], rows)


def _arrow(pair: tuple[str, str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]} → {pair[1]}"


def _time(ms: int | None) -> str:
    return "-" if ms is None else clock_time(ms)
