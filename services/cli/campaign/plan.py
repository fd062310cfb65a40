"""`advent campaign plan [NAME]`"""

from __future__ import annotations

import click

from common.domain.enrollment import Enrollment
from common.domain.ids import normal_address, step_name
from common.versions.people import person_of
from common.versions.plan import Comparison, Outlook, Plan, plan_json
from services.cli.arguments import address
from services.cli.campaign.versions import OpenVersions, plan_of, print_plan, with_versions
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table

late_option = click.option("--late", is_flag=True, help="Send new steps whose day has passed too, at once.")


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
        with_versions(lambda versions: _show_person(versions, name, contact, late=late))
        return
    plans = with_versions(lambda versions: _plans(versions, name, late=late))
    if as_json:
        print_json([plan_json(plan) for plan in plans])
    else:
        for plan in plans:
            print_plan(plan)


async def _plans(versions: OpenVersions, name: str | None, *, late: bool) -> list[Plan]:
    return [await plan_of(versions, versions.files[key], send_late=late) for key in versions.chosen(name)]


async def _show_person(versions: OpenVersions, name: str | None, contact: str, *, late: bool) -> None:
    email, known = normal_address(contact), False
    found = [await person_of(versions.ledger, id) for id in await versions.ledger.mailboxes.in_campaigns(email)]
    people = [person for person in found if person is not None]
    for key in versions.chosen(name):
        person = next((one for one in people if one.enrollment.campaign == key), None)
        if person is None:
            continue
        known = True
        comparison = Comparison(
            versions.in_force[key], versions.files[key], versions.settings.pace, now_ms=now_ms(), send_late=late
        )
        outlook = comparison.outlook(person)
        _print_person(key, person.enrollment, outlook, {*comparison.changes_of(outlook)})
    if not known:
        raise CommandFailed(f"{email} is in none of these campaigns; try another spelling")


def _print_person(key: str, enrollment: Enrollment, outlook: Outlook, changes: set[tuple[str, str | None]]) -> None:
    click.echo(f"{key}: {enrollment.assessment.email}, {enrollment.status}, {_arrow(outlook.segments)}")
    if outlook.languages[0] != outlook.languages[1]:
        click.echo(f"language: {_arrow(outlook.languages)}")
    everywhere = sorted(kind for kind, step in changes if step is None)
    if everywhere:
        click.echo(f"every mail: {', '.join(everywhere)}")
    rows = [
        (
            step_name(step),
            _time(outlook.before.get(step)),
            _time(outlook.after.get(step)),
            ", ".join(sorted(kind for kind, name in changes if name == step_name(step))),
        )
        for step in dict.fromkeys((*outlook.after, *outlook.before))
    ]
    print_table(["step", "due now (UTC)", "due then (UTC)", "change"], rows)


def _arrow(pair: tuple[str, str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]} → {pair[1]}"


def _time(ms: int | None) -> str:
    return "-" if ms is None else clock_time(ms)
