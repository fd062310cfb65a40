"""`advent clock`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from services.cli.shared import clock_time, json_option, now_ms, print_json, record_action, with_ledger

if TYPE_CHECKING:
    from common.ledger.holds import Hold
    from common.ledger.ledger import Ledger


@click.group()
def command() -> None:
    """Confirm the data store's clock when clocks disagree."""


@command.command()
@json_option
def confirm(as_json: bool) -> None:
    """
    Confirm that the data store's clock is right now. All sending that is held because of a clock continues.

    Needed only when a clock was wrong and has been corrected, and no provider's time was available for comparison. Mail
    that is due by the store's clock is sent at once, so check the time that is printed.
    """
    store_ms, released = with_ledger(_confirm)
    if as_json:
        print_json({"store_ms": store_ms, "released": list(released)})
        return
    click.echo(f"the data store's clock is confirmed: {clock_time(store_ms)} UTC")
    click.echo(f"this machine's clock shows {clock_time(now_ms())} UTC")
    click.echo("sending continues" if released else "no clock held any sending")


async def _confirm(ledger: Ledger) -> tuple[int, dict[str, Hold]]:
    from common.store.clock_sync import confirm_clock

    store_ms = await confirm_clock(ledger.client)
    held = {name: hold for name, hold in (await ledger.holds.active()).items() if name.partition("/")[0] == "clock"}
    for reason in held:
        await ledger.holds.finish(reason)
    await record_action(ledger, "clock confirm", ["everybody"], before=f"{len(held)} holds of a clock")
    return store_ms, held
