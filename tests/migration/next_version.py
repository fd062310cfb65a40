"""
`python -m tests.migration.next_version …`: the `advent` command of a version with the next store format.

Its step adds a field to every enrollment. With HALT_AFTER=2 it reports and stops forever after two of them, so that a
test can kill it there.
"""

from __future__ import annotations

import os
import signal
import sys

import redis.asyncio

from common.ledger import keys
from common.migration import steps
from common.migration.result import MigrationResult, Report
from common.store import format as store_format

FIELD = "field_of_the_next_format"
CURRENT = store_format.FORMAT
HALF_WAY = "halted"


async def _add_field(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    people = sorted(await client.zrange(keys.UNDER_WAY, 0, -1))
    for done, person in enumerate(people):
        if str(done) == os.environ.get("HALT_AFTER"):
            report(HALF_WAY)
            signal.pause()
        await client.hset(keys.enrollment(person.decode()), FIELD, "1")
    return MigrationResult(people=len(people), keys=len(people))


def main() -> int:
    # Before any other module imports these values.
    store_format.FORMAT = CURRENT + 1  # type: ignore[misc]  # this version has another one
    steps.STEPS = (steps.Step(source=CURRENT, migrate=_add_field),)  # type: ignore[misc]  # likewise
    from services.cli.main import main as advent

    return advent(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
