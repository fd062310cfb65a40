"""The console application: its context, routes and background tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from common.background import BackgroundTasks, repeat
from common.campaigns.campaigns import Campaigns
from common.campaigns.errors import CampaignError
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.ledger.reads.dead_letters import DeadLetterList
from common.ledger.reads.people import PeopleList
from common.observability.logs import get_logger
from common.settings.settings import Settings
from common.store.clock_sync import ClockSync
from common.store.monitor import StoreMonitor
from common.versions.played import PlayedVersions
from services.console.api import openapi
from services.console.auth.access import check_access_settings
from services.console.auth.ended_sessions import EndedSessions
from services.console.auth.session import Sessions
from services.console.bulk_decisions import BulkDecisions
from services.console.campaign_files import CampaignFiles
from services.console.context import CONTEXT, ConsoleContext
from services.console.dashboard import dashboard
from services.console.formatting import FILTERS
from services.console.middleware import RequestMiddleware
from services.console.pages import (
    actions,
    campaigns,
    dead_letters,
    gallery,
    held_signups,
    jobs,
    login,
    overview,
    people,
    people_csv,
    person,
    person_mail,
    queues,
    schedule,
    scheduled_mails,
    unmarked_calls,
    unread_bookings,
    versions,
)
from services.console.plan_counts import PlanCounts
from services.console.resume_plans import ResumePlans
from services.console.status.status_cache import StatusCache, read_gateway_status
from services.console.status.store_snapshot import StoreSnapshot, read_snapshot
from services.web import pages, probes
from services.web.rate_limit import FailureLimiter

BODY_BYTES_MAX = 64 * 1024
FOLLOWED_EVERY_S = 2
"""How often the lists of people and dead letters are updated. A list is read in full once, then only its changes."""
LOGIN_FAILURES_MAX = 10
LOGIN_FAILURES_TOTAL_MAX = 100
"""Limits of wrong tokens in a minute: from one source, and from all sources together."""
FOLDER = Path(__file__).parent

log = get_logger(__name__)


def build_context(
    settings: Settings,
    *,
    clock: Clock,
    ledger: Ledger,
    campaign_name: str,
    campaigns: Campaigns | None = None,
    versions: PlayedVersions | None = None,
) -> ConsoleContext:
    """Raises SettingsError if anybody could use the console, or if SECRET_KEY is missing."""
    check_access_settings(settings)
    logins = settings.console_logins
    store_monitor = StoreMonitor(ledger.client, settings.secret)
    clock_sync = ClockSync(ledger.client, clock, by="console")

    async def read_store() -> StoreSnapshot:
        await clock_sync.sync()
        return await read_snapshot(ledger, settings, now_ms=clock.now_ms(), warnings=store_monitor.warnings)

    return ConsoleContext(
        clock=clock,
        settings=settings,
        ledger=ledger,
        store_monitor=store_monitor,
        status_cache=StatusCache(read_store, lambda: read_gateway_status(settings.gateway_url), clock),
        logins=logins,
        sessions=Sessions(settings.secret, logins, clock),
        ended_sessions=EndedSessions(ledger.client, clock),
        login_failures=FailureLimiter(LOGIN_FAILURES_MAX, total_max=LOGIN_FAILURES_TOTAL_MAX),
        environment=pages.make_environment(FOLDER / "templates", FILTERS, service="console"),
        campaign_name=campaign_name,
        people=PeopleList(ledger),
        dead_letters=DeadLetterList(ledger),
        bulk_decisions=BulkDecisions(clock),
        job_decisions=BulkDecisions(clock),
        campaign_files=CampaignFiles(settings.campaigns_dir),
        plan_counts=PlanCounts(ledger, settings.pace, clock),
        resume_plans=ResumePlans(ledger, clock, per_second=settings.resend_requests_per_second),
        background=BackgroundTasks(),
        campaigns=campaigns,
        versions=versions,
    )


def build_app(context: ConsoleContext) -> web.Application:
    """Return the application. While it runs, background tasks keep the status and the lists up to date."""
    app = web.Application(middlewares=[web.middleware(RequestMiddleware(context))], client_max_size=BODY_BYTES_MAX)
    app[CONTEXT] = context
    app.add_routes(ROUTES)
    app.on_startup.append(dashboard.open_dashboard)
    app.on_cleanup.append(dashboard.close_dashboard)
    app.cleanup_ctx.append(_background)
    return app


async def _background(app: web.Application) -> AsyncIterator[None]:
    context = app[CONTEXT]
    loops = [
        context.status_cache.keep_current(),
        context.store_monitor.run(),
        repeat("follow_people", context.people.refresh, every_s=FOLLOWED_EVERY_S),
        repeat("follow_dead_letters", context.dead_letters.refresh, every_s=FOLLOWED_EVERY_S),
    ]
    if context.versions is not None:
        loops.append(_play_versions(context.versions))
    context.background.start(loops)
    yield
    context.store_monitor.stop()
    await context.bulk_decisions.stop()
    await context.job_decisions.stop()
    await context.plan_counts.stop()
    await context.background.stop()


async def _play_versions(versions: PlayedVersions) -> None:
    """Follow the versions in force. A version that cannot be read is logged, and the pages keep working."""
    try:
        await versions.run()
    except CampaignError as error:
        log.error("campaign_version_unreadable", problem=str(error))


async def health(request: web.Request) -> web.Response:
    return probes.health_response(now_ms=request.app[CONTEXT].clock.now_ms())


async def ready(request: web.Request) -> web.Response:
    """Answer 503 while the store cannot be read. The overview then shows the last known state."""
    context = request.app[CONTEXT]
    store = await probes.store_status(context.ledger.client)
    dependencies = {"store": store.as_json()}
    return probes.ready_response(is_ready=store.allows_reads, now_ms=context.clock.now_ms(), dependencies=dependencies)


async def metrics(_request: web.Request) -> web.Response:
    return probes.metrics_response()


ROUTES = (
    web.get("/", overview.show),
    web.get("/api/overview", overview.show_json),
    web.get("/api/openapi.json", openapi.show),
    *openapi.ROUTES,
    web.get("/dead-letters", dead_letters.show),
    web.post("/dead-letters/replay", dead_letters.replay),
    web.post("/dead-letters/discard", dead_letters.discard),
    web.post("/dead-letters/replay-many", dead_letters.replay_many),
    web.post("/dead-letters/discard-many", dead_letters.discard_many),
    web.get("/held-signups", held_signups.show),
    web.post("/held-signups/release", held_signups.release),
    web.post("/held-signups/discard", held_signups.discard),
    web.get("/people", people.show),
    web.post("/people", people.search),
    web.get("/people.csv", people_csv.download),
    web.post("/people.csv", people_csv.download),
    web.get("/people/{id}", person.show),
    web.get("/people/{id}/mails/{mail:.+}", person_mail.show),
    web.get("/people/{id}/bodies/{source}/{mail:.+}", person_mail.show_body),
    web.post("/people/{id}/{action}", person.act),
    web.post("/send-test", jobs.send_test),
    web.get("/jobs/{job}", jobs.show),
    web.get("/campaigns", campaigns.show_all),
    web.get("/campaigns/{name}", campaigns.show),
    web.get("/campaigns/{name}/plan", versions.show_plan),
    web.get("/campaigns/{name}/rollback", versions.show_rollback),
    web.post("/campaigns/{name}/apply", versions.apply),
    web.post("/campaigns/{name}/rollback", versions.roll_back),
    web.get("/campaigns/{name}/gallery", gallery.show),
    web.get("/campaigns/{name}/gallery/body", gallery.show_body),
    web.get("/unread-bookings", unread_bookings.show),
    web.post("/unread-bookings/discard", unread_bookings.discard),
    web.get("/unmarked-calls", unmarked_calls.show),
    web.post("/unmarked-calls/mark", unmarked_calls.mark),
    web.get("/schedule", schedule.show),
    web.get("/schedule/mails", scheduled_mails.show),
    web.post("/schedule/{action}", schedule.act),
    web.get("/actions", actions.show),
    web.post("/actions", actions.search),
    web.get("/queues", queues.show),
    web.post("/queues/requeue", queues.requeue),
    web.post("/queues/delete", queues.delete),
    web.post("/queues/requeue-many", queues.requeue_many),
    web.post("/queues/delete-many", queues.delete_many),
    web.get("/login", login.show),
    web.post("/login", login.log_in),
    web.post("/logout", login.log_out),
    web.get("/dramatiq", dashboard.add_slash),
    web.get("/dramatiq/{path:.*}", dashboard.respond),
    web.post("/dramatiq/{path:.*}", dashboard.respond),
    web.get("/health", health),
    web.get("/ready", ready),
    web.get("/metrics", metrics),
    web.static("/static", FOLDER / "static"),
    pages.assets_route(),
)
