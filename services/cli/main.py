"""The command `advent`. Each subcommand is a file of its own, imported only when it runs, so that `--help` is fast."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from services.cli.lazy_group import LazyGroup

COMMANDS = {
    "up": ("services.cli.up", "Run everything on this machine; stop it with Ctrl-C."),
    "try": ("services.cli.try_", "Sign up a sample person at the running gateway."),
    "status": ("services.cli.status", "Show how many people and deliveries are in which state."),
    "health": ("services.cli.health", "Check whether all is well: exit status 0, 1 broken, 3 needs a person."),
    "contact": ("services.cli.contact", "Show one person's timeline: what happened and what is next."),
    "dead": ("services.cli.dead", "List, replay or discard failed deliveries."),
    "suppress": ("services.cli.suppress", "Send no further mail to an address, here and at Resend."),
    "unsuppress": ("services.cli.unsuppress", "Allow mail again to a person who asked to come back."),
    "release": ("services.cli.release", "Resume mail to an address whose mailbox refused several mails in a row."),
    "bookings": ("services.cli.bookings", "Settle bookings: events that could not be read, calls without an outcome."),
    "signups": ("services.cli.signups", "List, release or discard signups that are held because there were too many."),
    "pause": ("services.cli.pause", "Stop all mail, or the mail of one campaign or person; nothing is lost."),
    "resume": ("services.cli.resume", "Show what happens when a pause ends, then end it; --plan only shows it."),
    "clock": ("services.cli.clock", "Confirm the data store's clock when sending is held because of a clock."),
    "rebuild": ("services.cli.rebuild", "Rebuild every enrollment from Notion into an empty store."),
    "migrate": ("services.cli.migrate", "Convert a stopped store of an older format; a copy is stored first."),
    "audit": ("services.cli.audit", "Compare ledger, Resend, Twilio and Notion: missing, doubled, unexplained."),
    "forget": ("services.cli.forget", "Erase a person; the address never receives mail again."),
    "campaign": ("services.cli.campaign", "Write, check and try out campaigns; plan, apply and roll back versions."),
    "preview": ("services.cli.preview", "Render every e-mail for every segment into files, with an index page."),
    "simulate": ("services.cli.simulate", "Simulate the campaign in virtual time, with the real actors."),
    "check": ("services.cli.check", "Check settings, store, providers and every e-mail before a start."),
    "sign": ("services.cli.sign", "Print the curl command that posts a file as a signed webhook."),
    "gateway": ("services.cli.gateway", "Run only the gateway, which receives webhooks."),
    "worker": ("services.cli.worker", "Run only a worker, which processes due jobs."),
    "console": ("services.cli.console", "Run only the console: health, campaigns, people, and what needs a decision."),
    "console-user": ("services.cli.console_user", "Make a token for one user of the console."),
    "sandbox": ("services.cli.sandbox", "Run only the sandbox, which imitates Resend, Notion, Cal.com and Twilio."),
}


HELP = """
Advent sends the right e-mail at the right hour for eleven days to everyone who signs up.

Settings come from the environment or from .env; docs/settings.md lists them. Exit status: 0 done, 1 failed,
2 wrong use; `advent health` also 3: somebody must decide.
"""

advent = click.version_option(package_name="advent")(
    LazyGroup(COMMANDS, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. An error that a user can fix is one line, never a traceback."""
    try:
        status = advent.main(args=arguments, prog_name="advent", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as wrong_use:
        wrong_use.show()
        return wrong_use.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:
        from services.cli.error_lines import error_lines

        lines = error_lines(error)
        if not lines:
            raise
        for line in lines:
            click.echo(f"advent: {line}", err=True)
        return 1
    return status if isinstance(status, int) else 0


def _discard_output() -> None:
    """Discard the rest of the output: the reader has closed the pipe, and Python would still write to it at exit."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
