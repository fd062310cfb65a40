"""Findings that need a person's decision: dead letters, calls, signups, addresses, refused texts, changed files."""

from __future__ import annotations

from collections.abc import Sequence

from common.domain.feedback import CONTENT_BOUNCE_PEOPLE
from common.domain.signup_bounds import LIMIT_TEXTS
from common.formatting import count
from common.health.finding import Finding, Level
from common.ledger.reads.store_stats import StoreStats


def check_dead_letters(stats: StoreStats) -> Finding:
    if not stats.dead_letters:
        return Finding("dead", Level.OK, "no dead letters")
    verb = "waits" if stats.dead_letters == 1 else "wait"
    sentence = f"{count(stats.dead_letters, 'dead letter')} {verb} for a decision"
    return Finding("dead", Level.NEEDS_PERSON, sentence, "Replay or discard them: console, or `advent dead list`.")


def check_unread_bookings(stats: StoreStats) -> Finding:
    if not stats.unread_bookings:
        return Finding("unread", Level.OK, "every booking event could be read")
    sentence = f"{count(stats.unread_bookings, 'booking event')} could not be read"
    cure = "Cal.com does not send them again: `advent bookings unread` shows them, `advent bookings discard` ends it."
    return Finding("unread", Level.NEEDS_PERSON, sentence, cure)


def check_unmarked_calls(stats: StoreStats) -> Finding:
    if not stats.unmarked_calls:
        return Finding("unmarked", Level.OK, "the outcome of every ended call was reported")
    verb = "has" if stats.unmarked_calls == 1 else "have"
    sentence = f"{count(stats.unmarked_calls, 'call')} {verb} ended, and no outcome was reported"
    cure = (
        "Record each outcome in the console or with `advent bookings mark`; `advent bookings unmarked` lists the calls."
        " Select *Meeting Ended* at Cal.com's webhook, so that it is reported."
    )
    return Finding("unmarked", Level.NEEDS_PERSON, sentence, cure)


def check_resting(stats: StoreStats) -> Finding:
    if not stats.resting:
        return Finding("resting", Level.OK, "no address is resting")
    addresses = "1 address is" if stats.resting == 1 else f"{stats.resting:,} addresses are"
    cure = (
        "Their mailboxes refused several mails in a row. `advent contact ADDRESS` shows why,"
        " `advent release ADDRESS` allows mail again."
    )
    return Finding("resting", Level.NEEDS_PERSON, f"{addresses} resting", cure)


def check_content(stats: StoreStats) -> Finding:
    people = stats.content_bounce_people
    if people < CONTENT_BOUNCE_PEOPLE:
        return Finding("content", Level.OK, "no mail is refused for its content")
    cure = "Look at a refused mail at Resend, correct its text or its links, and check the sender's domain."
    return Finding("content", Level.NEEDS_PERSON, f"the mail of {people:,} people was refused for its content", cure)


def check_held_signups(stats: StoreStats) -> Finding:
    if not stats.held_signups:
        return Finding("signups", Level.OK, "none is held")
    held = " and ".join(f"{number:,} {LIMIT_TEXTS[bound]}" for bound, number in stats.held_signups.items())
    verb = "is" if sum(stats.held_signups.values()) == 1 else "are"
    sentence = f"{count(sum(stats.held_signups.values()), 'signup')} {verb} held: {held}"
    cure = (
        "Check them in the console or with `advent signups held`. Then release the genuine ones and discard the others,"
        " with `advent signups release` and `advent signups discard`."
    )
    return Finding("signups", Level.NEEDS_PERSON, sentence, cure)


def check_files(files_differ: Sequence[str]) -> Finding:
    if not files_differ:
        return Finding("files", Level.OK, "those in force")
    cure = "`advent campaign plan` shows what would change, `advent campaign apply` puts them in force."
    whose = f"the files of {', '.join(files_differ)}"
    return Finding(
        "files", Level.NEEDS_PERSON, f"{whose} differ from the version in force and wait to be applied", cure
    )
