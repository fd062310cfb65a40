"""Memory that the children of `advent up` share: it is filled before the fork, and they do not fill it again."""

from __future__ import annotations

import json
import subprocess
import sys

IMPORTED_LATER = """
import asyncio, json, sys
import httpx
from common.providers.http import DeadlineClient
from common.settings.settings import Settings
from services.supervisor.children import preload

preload(["sandbox", "gateway", "console", "worker"], Settings())
before = set(sys.modules)

async def ask_nobody():
    async with DeadlineClient(total_s=5) as client:
        try:
            await client.get("http://127.0.0.1:1")
        except httpx.ConnectError:
            pass

asyncio.run(ask_nobody())
print(json.dumps(sorted(set(sys.modules) - before)))
"""

SHAPES_BUILT_LATER = """
from common.campaigns.campaigns import load_campaigns
from common.settings.settings import Settings
from services.gateway.validation import signup_shape
from services.supervisor.children import preload

settings = Settings()
preload(["gateway"], settings)
signup_shape.create_model = None
for campaign in load_campaigns(settings.campaign_keys).values():
    signup_shape.shape_of(campaign.key, campaign.compiled.fields)
"""


LOADED = """
import json, sys
from common.settings.settings import Settings
from services.supervisor.children import preload

preload(["sandbox", "gateway", "console", "worker"], Settings())
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

NEEDED_BY_FEW = {"icalendar", "holidays", "dateutil"}
"""Libraries of several megabytes, for calendar files and for sending windows with holidays."""


def test_no_process_loads_rarely_needed_libraries_at_its_start() -> None:
    assert NEEDED_BY_FEW & set(json.loads(_printed(LOADED))) == set()


def test_a_worker_imports_nothing_for_its_first_request() -> None:
    assert json.loads(_printed(IMPORTED_LATER)) == []


def test_gateway_does_not_rebuild_the_preloaded_signup_shapes() -> None:
    assert _printed(SHAPES_BUILT_LATER) == ""


def _printed(program: str) -> str:
    """Run a program and return its output. In another process, because this one has imported more than a child has."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
