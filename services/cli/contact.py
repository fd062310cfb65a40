"""`advent contact EMAIL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import EnrollmentId, is_enrollment_id, normal_address, step_of
from common.formatting import duration
from services.cli.arguments import address_or_words
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, with_campaigns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from common.campaigns.campaigns import Campaigns
    from common.domain.person_search import ListedPerson
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause
    from common.ledger.reads.contact_timeline import ContactTimeline


MATCHES_MAX = 20


@click.command()
@click.argument("who", metavar="EMAIL|NAME", callback=address_or_words)
@json_option
def command(who: str, as_json: bool) -> int:
    """
    Show one person's whole timeline in each campaign: what happened, what is next and when. Times are UTC.

    Name the person by address, by enrollment id, or by the beginning of their name or business.
    """
    matches, people = with_campaigns(lambda ledger, campaigns: _find(ledger, campaigns, who), plans=True)
    if matches:
        _print_matches(matches, who, as_json=as_json)
        return 1
    first, *others = people
    if as_json:
        print_json({**first, "other_campaigns": others} if others else first)
        return 0
    if first["status"] is None:
        click.echo(f"{first['email']} {no_mail_since(first['suppressed'])}; nothing else is stored about them")
        return 0
    for person in (first, *others):
        _print(person, is_one_of_several=bool(others))
    return 0


def _print_matches(matches: Sequence[ListedPerson], who: str, *, as_json: bool) -> None:
    if as_json:
        names = ("email", "first_name", "business_name", "campaign", "status")
        found = [{"enrollment_id": one.id, **{name: getattr(one, name) for name in names}} for one in matches]
        print_json({"matches": found})
        return
    rows = [(one.email, one.first_name, one.business_name, one.campaign, one.status) for one in matches[:MATCHES_MAX]]
    print_table(["address", "name", "business", "campaign", "status"], rows)
    more = f"; the first {MATCHES_MAX} are shown" if len(matches) > MATCHES_MAX else ""
    click.echo(f"{len(matches):,} enrollments match {who!r}{more}: give an address.", err=True)


def _print(person: dict[str, Any], *, is_one_of_several: bool) -> None:
    now = now_ms()
    if is_one_of_several:
        click.secho(f"\n{person['campaign']}", bold=True)
    click.secho(" · ".join(filter(None, (person["first_name"], person["email"]))), bold=True)
    reason = f" ({person['exit_reason']})" if person["exit_reason"] else ""
    state = filter(
        None, (person["segment"], f"{person['status']}{reason}", person["language"], person["enrollment_id"])
    )
    click.echo(" · ".join(state))
    pauses = {"": "paused", "everybody_": "everybody is paused", "campaign_": "the campaign is paused"}
    for who, pause in ((words, person[f"{name}paused"]) for name, words in pauses.items()):
        if pause is not None:
            click.secho(f"{who} {_pause_line(pause)}", fg="red")
    for line in _no_mail_lines(person):
        click.secho(line, fg="red")
    if person["consent"] is not None:
        click.echo(_consent_line(person["consent"]))
    if person["sms_consent"] is not None:
        click.echo(_sms_consent_line(person["sms_consent"]))
    click.echo()
    past = [(clock_time(line["at_ms"]), "", line["what"], line["mail"], line["detail"]) for line in person["happened"]]
    planned = [
        (
            clock_time(line["due_ms"]),
            f"in {duration(line['due_ms'] - now)}" if line["due_ms"] > now else "due",
            line["what"],
            line["mail"],
            line["why"],
        )
        for line in person["next"]
    ]
    not_sent = [("", "", line["what"], line["mail"], line["why"]) for line in person["not_sent"]]
    print_table(["when (UTC)", "", "what", "mail", ""], past + planned + not_sent)


async def _find(ledger: Ledger, campaigns: Campaigns, who: str) -> tuple[Sequence[ListedPerson], list[dict[str, Any]]]:
    """Return (all matches, []) for several people; for one, ((), the person's fields in each of their campaigns)."""
    from common.domain.person_search import PeopleFilter
    from common.ledger.reads.contact_timeline import read_contact_timeline
    from common.ledger.reads.people import PeopleList

    if "@" in who:
        return (), await _look_up(ledger, campaigns, normal_address(who))
    if is_enrollment_id(who):
        known = await read_contact_timeline(ledger, EnrollmentId(who), now_ms=now_ms())
        if known is None:
            raise CommandFailed(f"no enrollment has the id {who}")
        return (), await _look_up(ledger, campaigns, known.email)
    people = PeopleList(ledger)
    await people.read_all()
    found = await people.find(PeopleFilter(words=who))
    emails = {one.email for one in found}
    if not who or not emails:
        raise CommandFailed(f"no name, business, address or id begins with {who!r}")
    return ([*found], []) if len(emails) > 1 else ((), await _look_up(ledger, campaigns, normal_address(emails.pop())))


async def _look_up(ledger: Ledger, campaigns: Campaigns, email: str) -> list[dict[str, Any]]:
    from common.ledger.reads.contact_timeline import read_timelines

    found, no_mail = await read_timelines(ledger, email, now_ms=now_ms()), await _no_mail(ledger, email)
    if not found and no_mail["suppressed"]:
        return [{"email": email, "status": None, **no_mail, "notes": []}]
    if not found:
        where = ", ".join(ledger.campaigns)
        raise CommandFailed(f"{email} is not enrolled in {where}; try another spelling, or other CAMPAIGNS")
    return [_fields(one, no_mail, _names(campaigns, one.campaign)) for one in found]


def _names(campaigns: Campaigns, campaign: str) -> dict[str, str]:
    """Return the team's name for each mail, with keys such as `step 3`."""
    played = campaigns.get(campaign)
    return {f"step {step_of(one.id)}": one.name for one in played.steps} if played else {}


def _name_in(what: str, names: Mapping[str, str]) -> str:
    """Return the name of the step in a text such as `step 3 planned`; "" if there is none."""
    return names.get(" ".join(what.split(" ")[:2]), "")


def _fields(found: ContactTimeline, no_mail: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "campaign": found.campaign,
        "campaign_paused": _pause_fields(found.campaign_paused),
        "paused": _pause_fields(found.paused),
        "everybody_paused": _pause_fields(found.everybody_paused),
        "enrollment_id": found.enrollment_id,
        "email": found.email,
        "first_name": found.first_name,
        "segment": found.segment,
        "language": found.language,
        "status": found.status,
        "exit_reason": found.exit_reason,
        **no_mail,
        "happened": [
            {"at_ms": one.at_ms, "what": one.what, "detail": one.detail, "mail": _name_in(one.what, names)}
            for one in found.happened
        ],
        "next": [asdict(planned) | {"mail": _name_in(planned.what, names)} for planned in found.next],
        "not_sent": [asdict(step) | {"mail": _name_in(step.what, names)} for step in found.not_sent],
        "notes": [
            {"at": note.at_ms, "field": note.field, "what": note.what, "kept": note.kept} for note in found.notes
        ],
        "consent": asdict(found.consent) if found.consent else None,
        "sms_consent": asdict(found.sms_consent) if found.sms_consent else None,
    }


async def _no_mail(ledger: Ledger, email: str) -> dict[str, Any]:
    """Return why this address gets no mail: permanently (`suppressed`), or until it is released (`resting`)."""
    suppressed, resting = await ledger.suppressions.of(email), await ledger.suppressions.resting(email)
    return {
        "suppressed": asdict(suppressed) if suppressed else None,
        "resting": asdict(resting) if resting else None,
    }


def _no_mail_lines(person: dict[str, Any]) -> list[str]:
    lines = [no_mail_since(person["suppressed"])] if person["suppressed"] else []
    if person["resting"]:
        since = clock_time(person["resting"]["since_ms"])
        lines.append(f"resting since {since} UTC after {person['resting']['bounces']} mailbox bounces in a row")
    return lines


def no_mail_since(suppressed: dict[str, Any]) -> str:
    """Return a text such as `gets no mail: suppressed since 2025-11-24 09:09:00 UTC (unsubscribed, forgotten)`."""
    why = f"{suppressed['reason']}, forgotten" if suppressed["is_forgotten"] else suppressed["reason"]
    return f"gets no mail: suppressed since {clock_time(suppressed['since_ms'])} UTC ({why})"


def _sms_consent_line(consent: dict[str, Any]) -> str:
    at = f"at {clock_time(consent['at_ms'])} UTC" if consent["at_ms"] is not None else ""
    word = "yes" if consent["is_given"] else "no"
    return f"SMS: {word} · " + " · ".join(filter(None, (consent["number"], consent["source"], at)))


def _consent_line(consent: dict[str, Any]) -> str:
    at = f"at {clock_time(consent['at_ms'])} UTC" if consent["at_ms"] is not None else ""
    return "consent: " + " · ".join(filter(None, (consent["text"], consent["source"], at)))


def _pause_fields(pause: Pause | None) -> dict[str, Any] | None:
    return asdict(pause) if pause else None


def _pause_line(pause: dict[str, Any]) -> str:
    from common.ledger.pauses import Pause
    from services.cli.pause import pause_line

    return pause_line(Pause(**pause))
