"""What `advent resume` prints about holds on all sending, and about how a restored store was settled."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from services.cli.shared import clock_time

if TYPE_CHECKING:
    from common.ledger.generations import Settlement
    from common.ledger.holds import Hold
    from common.ledger.ledger import Ledger

NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class StoreState:
    """`settlement`: how a restored store was settled. `ended`: the holds that this command has ended for a person."""

    holds: dict[str, Hold]
    settlement: Settlement | None
    ended: tuple[str, ...] = ()

    def figures(self) -> dict[str, Any]:
        """Return the state for `--json`."""
        return {
            "holds": {reason: asdict(hold) for reason, hold in self.holds.items()},
            "holds_ended": list(self.ended),
            "settlement": asdict(self.settlement) if self.settlement else None,
        }

    def print(self) -> None:
        for reason, hold in self.holds.items():
            end = "; it ends now" if reason in self.ended else f". {hold.cure}"
            click.secho(f"nothing has been sent since {clock_time(hold.since_ms)} UTC: {hold.why}{end}", fg="yellow")
        done = self.settlement
        if done is None:
            return
        age = f" of {clock_time(done.store_ms)} UTC" if done.store_ms else ""
        click.echo(f"the store was restored from a backup{age}, and settled at {clock_time(done.at_ms)} UTC:")
        click.echo(f"{done.found:>8} mails were sent after the backup, according to Resend, and are not sent again")
        click.echo(f"{done.merged:>8} people were updated, because Notion shows more than the backup")
        click.echo(f"{done.restored:>8} people were added from Notion")
        click.echo(f"{done.unknown:>8} mails may have been sent, and wait for a person (advent dead list)")
        for email in done.people[:NAMED_MAX]:
            click.echo(f"{'':>8} {email}")
        if len(done.people) > NAMED_MAX:
            click.echo(f"{'':>8} and {len(done.people) - NAMED_MAX:,} more")
        for note in done.notes:
            click.secho(note, fg="yellow")
        click.echo()


async def read_store_state(ledger: Ledger, *, end_holds: bool) -> StoreState:
    """Read the state. `end_holds`: end the holds that wait for a person's decision."""
    from common.domain.store_generation import ENDED_BY_OPERATOR

    holds, ended = await ledger.holds.active(), []
    for reason in holds.keys() & set(ENDED_BY_OPERATOR) if end_holds else ():
        await ledger.holds.finish(reason)
        ended.append(reason)
    return StoreState(holds, await ledger.generations.settlement(), tuple(sorted(ended)))
