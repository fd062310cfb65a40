"""
Every key, its type and its life. One prefix and one hash tag, because one script changes state and queue together.

| key | type | content | life |
| --- | --- | --- | --- |
| `enrollment:<enr>` | HASH | one person in one campaign, see `codec.py` | until forgotten |
| `under_way` | ZSET | enrollment that is not over, or that Notion does not show yet → when the sweeper looks at it, ms | as above |
| `ended` | ZSET | every other enrollment → time of its end, ms; `+inf` once all else of it was erased | as above |
| `delivery:<dlv>` | HASH | an open delivery: who holds it, its attempts, its payload, see `lua/lib/delivery.lua` | first claim → its end; a dead letter until replayed or discarded |
| `booking:<bkg>` | HASH | digest → event, JSON: all that Cal.com reported of one uid | until forgotten |
| `links:<bkg>` | SET | the bookings that this one was moved to or from | as above |
| `seats:<bkg>` | SET | the guests of this booking who are kept under an id of their own | as above |
| `guest:<gst>` | HASH | one person whose call a booking is, its state, the record of each reminder, see `booking_codec.py` | as above |
| `contact:<enr>` | HASH | the calls of one person, enrolled or not, see `booking_codec.py` | as above |
| `bookings` | ZSET | booking → time at which it should be looked at, ms | until looked at |
| `open` | ZSET | delivery → time at which something should happen to it, ms; planned reminders too | as the open deliveries |
| `dead` | ZSET | delivery → time at which it became a dead letter, ms | until replayed or discarded; never by itself |
| `held` | ZSET | signups beyond a bound → time of the signup, ms, see `lua/lib/held.lua` | until released, discarded or forgotten |
| `passed`, `passed:<visitor>` | LIST, LIST | times of the newest signups that were let through, ms: of all, of one visitor of the website | a day after the last |
| `visitor_of:<enr>` | STRING | the visitor whose a held signup is, as the website sent it | a day |
| `campaigns` | SET | every campaign that anything was ever kept of | for ever |
| `traces:<mailbox>` | SET | bookings that name an address of it, and enrollments under another id than its own | until forgotten |
| `timeline:<enr>` | LIST | `[ms, what, detail]` as JSON, newest last: what the enrollment itself does not tell | until forgotten, newest 200 |
| `feedback:<enr or gst>` | HASH | what the provider reported of each mail, see `lua/feedback.lua` | until forgotten |
| `w:<digest of kind:id>` | STRING | the answer that a webhook id was given, or the event it was given to | 45 days by our own clocks, see `lua/lib/webhook_ids.lua` |
| `webhooks:<day>`, `webhook_days` | LIST, SET | the digests that were answered on a day; the days that have such a list | as above |
| `unmarked` | SET | guests whose call ended a day ago, and nobody reported how it went | until somebody does, or forgotten |
| `unread_bookings`, `unread_bookings:raw` | ZSET, HASH | bodies of Cal.com that could not be read, by arrival, ms; see `unread_bookings.py` | until discarded or forgotten, newest 1,000 |
| `aliases` | HASH | contact → contact, address hash → address hash: made of one spelling of an address → the one under which its mailbox is kept, see `lua/lib/mailbox.lua` | until forgotten; a hash for ever |
| `suppressed` | HASH | address hash → `reason ms`, ` forgotten` behind it when nothing else may be kept | for ever; the hash does not name the person |
| `unsuppressed` | HASH | address hash → `ms detail`: they asked then to come back, with the consent given | for ever; forgotten: only ms |
| `resting` | HASH | address hash → `ms bounces`: no mail until a person releases it, see `lua/lib/suppression.lua` | until released or forgotten |
| `soft_bounces:<address hash>` | HASH | delivery → time of its mailbox bounce, ms | until a delivery; 45 days |
| `numbers:<number hash>` | SET | guests whose calls a phone number was written to about | until forgotten |
| `content_bounces:<campaign>` | ZSET | contact → when a mail to them was last refused for its content, ms | a day, or until forgotten |
| `unlisted` | ZSET | contact who left all mail → since when, ms: Resend's suppression list lacks them | until written there |
| `unsuppressing` | HASH | contact → who let them come back and their consent: a worker asks the provider first | until it did, or forgotten |
| `suppression_list` | HASH | `changes_ms`, `whole_ms`: until when Resend's suppression list was read | for ever |
| `suppression_list:worker` | STRING | which worker reads or writes it | minutes |
| `forgotten` | SET | bookings of people who were forgotten: nothing is kept of them again | for ever; names nobody |
| `secret_key` | STRING | a fingerprint of the SECRET_KEY that those hashes are made with, see `common/store/identity.py` | for ever |
| `format` | STRING | as which all this is written, see `common/store/format.py` | for ever |
| `outdated_hashes` | STRING | how many of `suppressed` were made with an earlier SECRET_KEY and match nobody | for ever |
| `changed` | ZSET | enrollment, or contact without one → time of the change that Notion does not show yet, ms | until mirrored |
| `people_changes`, `people_changes:last` | ZSET, STRING | enrollment → number of its newest change; the newest number, see `lua/lib/people.lua` | the newest 10,000; forgotten: gone; for ever |
| `syncing` | HASH | enrollment → `worker ms`, being mirrored just now | seconds |
| `circuit:<provider>` | HASH | why everybody waits for a provider, and until when | while in trouble |
| `providers` | HASH | provider → when a worker last said that it has it, ms | for ever |
| `suspect` | STRING | the delivery that is tried alone, since two workers died while they had it in hand | until the next one |
| `pauses` | HASH | `*` for everybody, `campaign:<key>`, or enrollment → who paused it, when and why, JSON, see `pauses.py` | until resumed |
| `in_force` | HASH | campaign → the version that is played; `<campaign> replanning` → JSON while its schedules follow, see `lua/versions.lua` | for ever |
| `versions:<campaign>` | HASH | version → the compiled campaign, JSON | for ever |
| `version_log:<campaign>` | LIST | what was put in force, when and by whom, JSON, newest last | for ever |
| `actions` | LIST | who did what, JSON, newest last, see `action_log.py` | the newest 10,000 |
| `console_job:<job>` | HASH | what the console asks a worker to do, and what came of it, see `lua/lib/console_job.lua` | 10 min; its result 5 min; of a forgotten person a day, without the addresses an hour |
| `unversioned` | STRING | people signed up before versions were kept: which texts they get is for a person to say | until a version is in force |
| `hold:all` | HASH | reason → why nothing is sent to anybody, JSON, see `holds.py`; `reason/<worker>`: nothing by that worker | until its reason ends |
| `clock` | HASH | what a worker found of the store's clock, and what a person confirmed, see `common/store/clock_sync.py` | for ever |
| `counts` | HASH | status → enrollments; `delivery:<status>` → deliveries | for ever |
| `generation` | HASH | which life of the store this is, see `lua/generation.lua` | for ever |
| `generation:keeper` | STRING | `worker state beat`: who keeps its heartbeat | seconds |
| `witnesses` | HASH | gateway → what its DATA_DIR remembers of the store, JSON, see `common/domain/store_generation.py` | for ever |
| `rebuilt` | STRING | `owed`, `done` or `never`, and since when: has Notion been read into this store? See `rebuild_state.py` | for ever |
| `rebuilding` | STRING | `worker word`: who reads it just now, and how it goes | seconds |
| `calendar:<campaign>` | HASH | `changes`, `all`: until when Cal.com's bookings were compared, ms, by what was asked for | for ever |
| `sweep` | STRING | which worker sweeps | seconds |
| `ping` | STRING | which worker pings | seconds |
| `budget:<provider>`, `budget:<provider>:after` | LIST, HASH | times of the last requests; not before when, see `budget.lua` | minutes |
| `mirror:create:<database>:<enr>` | HASH | who creates a page of Notion just now, or which it became, see `guard.lua` | an hour; a day when the outcome is unknown |
| `queue:<q>`, `queue:<q>.msgs` | LIST, HASH | dramatiq's ready messages | until worked off |
| `queue:<q>.DQ`, `queue:<q>.DQ.msgs` | ZSET, HASH | delayed messages by due time, ms; ours have no body | until due |
| `queue:<q>.XQ`, `queue:<q>.XQ.msgs` | ZSET, HASH | messages that failed by a bug | until a person removes them |
| `queue:__paused__` | SET | queues of which nothing is made ready | until resumed |
| `queue:__probing__` | HASH | queue → time from which one message a second is made ready, ms | while its provider is in trouble |
| `queue:__ignored__` | HASH | what it held back → times that lay too far ahead and were ignored | until reported |
| `queue:__failed__.<q>` | SET | jobs that were made ready so and failed: others come first | as above |
| `queue:__heartbeats__` | ZSET | worker → its last heartbeat, ms of the store's clock | seconds |
| `queue:__queues__.<worker>` | SET | queues that it took messages from | while it lives |
| `queue:__acks__.<worker>.<q>` | SET | messages that it has in hand, by ready id | until it is done with them |
| `queue:__started__.<worker>.<q>` | SET | those of them that it has begun: only these can have killed it | as above |
| `queue:__takeovers__.<q>` | HASH | ready id → workers that died while they ran it | as above |
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from common.queue.layout import QueueLayout
from common.store import clock_sync, identity
from common.store import format as store_format

PREFIX = "{advent}:"
QUEUE = QueueLayout()

FORMAT, SECRET_KEY, CLOCK = store_format.KEY, identity.SECRET_KEY, clock_sync.KEY
UNDER_WAY = PREFIX + "under_way"
ENDED = PREFIX + "ended"
CAMPAIGNS = PREFIX + "campaigns"
OPEN = PREFIX + "open"
DEAD = PREFIX + "dead"
SUPPRESSED = PREFIX + "suppressed"
ALIASES = PREFIX + "aliases"
HELD = PREFIX + "held"
PASSED = PREFIX + "passed"
UNSUPPRESSED = PREFIX + "unsuppressed"
RESTING = PREFIX + "resting"
UNLISTED = PREFIX + "unlisted"
UNSUPPRESSING = PREFIX + "unsuppressing"
SUPPRESSION_LIST = PREFIX + "suppression_list"
SUPPRESSION_LIST_WORKER = SUPPRESSION_LIST + ":worker"
FORGOTTEN = PREFIX + "forgotten"
OUTDATED_HASHES = PREFIX + "outdated_hashes"
PROVIDERS = PREFIX + "providers"
SUSPECT = PREFIX + "suspect"
CHANGED = PREFIX + "changed"
PEOPLE_CHANGES = PREFIX + "people_changes"
PEOPLE_CHANGES_LAST = PEOPLE_CHANGES + ":last"
SYNCING = PREFIX + "syncing"
BOOKINGS = PREFIX + "bookings"
COUNTS = PREFIX + "counts"
SWEEP = PREFIX + "sweep"
PING = PREFIX + "ping"
GENERATION = PREFIX + "generation"
GENERATION_KEEPER = GENERATION + ":keeper"
WITNESSES = PREFIX + "witnesses"
REBUILT = PREFIX + "rebuilt"
REBUILDING = PREFIX + "rebuilding"
PAUSES = PREFIX + "pauses"
ACTIONS = PREFIX + "actions"
IN_FORCE = PREFIX + "in_force"
UNVERSIONED = PREFIX + "unversioned"
HOLD_ALL = PREFIX + "hold:all"
WEBHOOK_DAYS = PREFIX + "webhook_days"
UNMARKED = PREFIX + "unmarked"
UNREAD_BOOKINGS = PREFIX + "unread_bookings"
UNREAD_BOOKINGS_RAW = UNREAD_BOOKINGS + ":raw"
HEARTBEATS, PAUSED_QUEUES = QUEUE.heartbeats(), QUEUE.paused()
IGNORED = QUEUE.ignored()


def _family(name: str) -> Callable[[str], str]:
    """The keys to whose name an id is added."""
    return f"{PREFIX}{name}:".__add__


enrollment = _family("enrollment")
delivery = _family("delivery")
booking = _family("booking")
guest = _family("guest")
seats = _family("seats")
contact = _family("contact")
timeline = _family("timeline")
visitor_of = _family("visitor_of")
traces = _family("traces")
feedback = _family("feedback")
content_bounces = _family("content_bounces")
versions = _family("versions")
version_log = _family("version_log")
calendar = _family("calendar")
numbers = _family("numbers")
circuit = _family("circuit")
console_job = _family("console_job")

LUA: Final = {
    "open": OPEN,
    "dead": DEAD,
    "suppressed": SUPPRESSED,
    "aliases": ALIASES,
    "held": HELD,
    "passed": PASSED,
    "unsuppressed": UNSUPPRESSED,
    "resting": RESTING,
    "unlisted": UNLISTED,
    "unsuppressing": UNSUPPRESSING,
    "forgotten": FORGOTTEN,
    "under_way": UNDER_WAY,
    "ended": ENDED,
    "campaigns": CAMPAIGNS,
    "changed": CHANGED,
    "people_changes": PEOPLE_CHANGES,
    "syncing": SYNCING,
    "bookings": BOOKINGS,
    "counts": COUNTS,
    "pauses": PAUSES,
    "in_force": IN_FORCE,
    "hold_all": HOLD_ALL,
    "generation": GENERATION,
    "webhook_days": WEBHOOK_DAYS,
    "unmarked": UNMARKED,
    "unread_bookings": UNREAD_BOOKINGS,
    "suspect": SUSPECT,
    **{
        family: f"{PREFIX}{family}:"
        for family in (
            "enrollment",
            "guest",
            "delivery",
            "booking",
            "links",
            "seats",
            "contact",
            "timeline",
            "feedback",
            "visitor_of",
            "traces",
            "soft_bounces",
            "numbers",
            "content_bounces",
            "webhooks",
            "w",
        )
    },
}
"""The table `keys` of the scripts: names of keys, and of families of them, to which an id is added."""


def owner(owner_id: str) -> str:
    """Of an enrollment, or of a booking's guest."""
    return enrollment(owner_id) if owner_id.startswith("enr_") else guest(owner_id)


def webhook(webhook_id: str) -> str:
    """
    Of `signup:msg_…`. An id may be of any length, and is kept as 16 bytes: 10⁹ of them collide once in 10²⁰ times.

    By hand: `printf %s signup:msg_1 | b2sum -l 128 | xxd -r -p | basenc --base64url`, without the `==` at its end.
    """
    digest = blake2b(webhook_id.encode(), digest_size=16).digest()
    return f"{PREFIX}w:{urlsafe_b64encode(digest).decode()[:22]}"


def delayed(queue: str) -> str:
    """The schedule of a queue."""
    return QUEUE.delayed(queue)


def ready(queue: str) -> str:
    return QUEUE.ready(queue)
