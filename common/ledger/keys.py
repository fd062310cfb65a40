"""
Every key of the ledger and the queue, its type and its life.

All keys share one prefix and one hash tag, because one script changes ledger and queue together. *Forgotten* means
erased by `lua/contacts.lua`: on request, or most of it when the retention period has ended.

| key | type | content | life |
| --- | --- | --- | --- |
| `enrollment:<enr>` | HASH | one contact in one campaign, see `codec.py` | until forgotten |
| `under_way` | ZSET | enrollment that has not ended, or that Notion does not show as it is yet → when the sweeper checks it next, ms | as above |
| `ended` | ZSET | every other enrollment → time of its end or of its last call's, ms; `+inf` once everything except its id was erased | as above |
| `delivery:<dlv>` | HASH | an open delivery: its claim, attempts and payload, see `lua/lib/delivery.lua` | from its first claim to its end; a dead letter until replayed or discarded |
| `booking:<bkg>` | HASH | digest → event, JSON: everything that Cal.com reported about one uid | until forgotten |
| `links:<bkg>` | SET | the bookings that this one was moved to or from, or that continue it under another host | as above |
| `seats:<bkg>` | SET | the guests of this booking that are stored under an id of their own | as above |
| `guest:<gst>` | HASH | one guest of a booking: its state and the record of each reminder and follow-up, see `booking_codec.py` | as above |
| `contact:<enr>` | HASH | the calls of one contact, enrolled or not, see `booking_codec.py` | as above |
| `bookings` | ZSET | booking → time at which it must be evaluated, ms | until evaluated |
| `open` | ZSET | delivery → time of its next action, ms; planned reminders and follow-ups too | as the open deliveries |
| `dead` | ZSET | delivery → time at which it became a dead letter, ms | until replayed, discarded, found accepted or forgotten; never expires |
| `held` | ZSET | signup above an hourly limit → time of the signup, ms, see `lua/lib/held.lua` | until released, discarded, ended or forgotten |
| `passed`, `passed:<visitor>` | LIST, LIST | times of the newest signups within the limits, ms: all of them, and those of one website visitor | a day after the last |
| `visitor_of:<enr>` | STRING | the website visitor that a held signup came from, as the website named them | a day |
| `campaigns` | SET | every campaign for which anything was ever stored | forever |
| `traces:<mailbox>` | SET | ids that belong to this mailbox but are not derived from it: bookings that name one of its addresses, and enrollments | until forgotten |
| `timeline:<enr>` | LIST | `[ms, what, detail]` as JSON, newest last: events that the enrollment itself does not show | until forgotten, newest 200 |
| `feedback:<enr or gst>` | HASH | what the provider reported about each delivery, see `lua/feedback.lua` | until forgotten |
| `w:<digest of kind:id>` | STRING | the answer that a webhook id was given, or the event that was answered under it | 45 days by our own clocks, see `lua/lib/webhook_ids.lua` |
| `webhooks:<day>`, `webhook_days` | LIST, SET | digests of the webhook ids answered on a day; the days that have such a list | as above |
| `unmarked` | SET | guests whose call ended a day ago and whose attendance nobody has reported | until somebody reports it, or forgotten |
| `unread_bookings`, `unread_bookings:raw` | ZSET, HASH | request bodies from Cal.com that could not be read: id → arrival, ms; id → body, JSON, see `unread_bookings.py` | until discarded or forgotten, newest 1,000 |
| `aliases` | HASH | contact → contact, address hash → address hash: derived from one spelling of an address → the one under which its mailbox is stored, see `lua/lib/mailbox.lua` | until forgotten; hashes forever |
| `suppressed` | HASH | hash of an address or phone number → `reason ms`, then ` forgotten` when nothing else about the contact may be stored | forever; the hash does not identify the contact |
| `unsuppressed` | HASH | address hash → `ms detail`: when they asked to receive mail again, and their consent | forever; once forgotten, only ms |
| `resting` | HASH | address hash → `ms bounces`: no mail until an operator releases it, see `lua/lib/suppression.lua` | until released or forgotten |
| `soft_bounces:<address hash>` | HASH | delivery → time of its mailbox bounce, ms | until a mail is delivered; 45 days |
| `numbers:<number hash>` | SET | guests about whose calls an SMS went to this phone number | until forgotten |
| `content_bounces:<campaign>` | ZSET | contact → when a mail to them was last refused for its content, ms | a day, or until forgotten |
| `unlisted` | ZSET | contact who gets no more mail → since when, ms: Resend's suppression list lacks them | until written there |
| `unsuppressing` | HASH | contact → who lets them receive mail again, and their consent: a worker first asks the provider | until the worker has, or forgotten |
| `suppression_list` | HASH | `changes_ms`, `whole_ms`: when the changes to Resend's suppression list, and all of it, were last read | forever |
| `suppression_list:worker` | STRING | the worker that is reading or writing it | minutes |
| `forgotten` | SET | bookings of forgotten contacts: nothing about them is stored again | forever; identifies nobody |
| `secret_key` | STRING | a fingerprint of the SECRET_KEY with which those hashes are made, see `common/store/identity.py` | forever |
| `format` | STRING | the format of everything in this store, see `common/store/format.py` | forever |
| `outdated_hashes` | STRING | how many entries of `suppressed` were made with an earlier SECRET_KEY and match nobody | forever |
| `changed` | ZSET | enrollment, or contact without one → time of the change that Notion does not show yet, ms | until mirrored |
| `people_changes`, `people_changes:last` | ZSET, STRING | enrollment → number of its newest change; the newest number, see `lua/lib/people.lua` | the newest 10,000, or until forgotten; forever |
| `syncing` | HASH | contact that is being written to Notion → `worker ms`: by which worker, since when | seconds |
| `circuit:<provider>` | HASH | why everything waits for a provider, and until when | while the provider fails |
| `providers` | HASH | provider → when a worker last reported that it uses this provider, ms | forever |
| `suspect` | STRING | the delivery that is being tried alone, because two workers died while they processed it | until the next one is tried |
| `pauses` | HASH | `*` for all contacts, `campaign:<key>`, or contact → who paused it, when and why, JSON, see `pauses.py` | until resumed |
| `in_force` | HASH | campaign → its version in force; `<campaign> replanning` → JSON and `<campaign> replanned_ms` while its schedules are being adapted, see `lua/versions.lua` | forever |
| `versions:<campaign>` | HASH | version → the compiled campaign, JSON | forever |
| `version_log:<campaign>` | LIST | which version was put in force, when and by whom, JSON, newest last | forever |
| `actions` | LIST | who did what, JSON, newest last, see `action_log.py` | the newest 10,000 |
| `console_job:<job>` | HASH | a job that the console requested from the workers, and its result, see `lua/lib/console_job.lua` | 10 min, its result 5 min; to forget a contact: a day, its result, without addresses, an hour |
| `unversioned` | STRING | contacts signed up before versions were stored: an operator must say which texts they get | until a version is in force |
| `hold:all` | HASH | reason → why nothing is sent to anybody, JSON, see `holds.py`; `reason/<worker>`: nothing by that worker | until its reason ends |
| `clock` | HASH | what a worker measured of the store's clock, and what an operator confirmed, see `common/store/clock_sync.py` | forever |
| `counts` | HASH | status → enrollments; `delivery:<status>` → deliveries; `held:<bound>` → held signups; `signups:<answer>` → refused signups | forever |
| `generation` | HASH | the store's generation and mark, see `lua/generation.lua` | forever |
| `generation:keeper` | STRING | `worker state beat`: the worker that writes the generation's heartbeat | seconds |
| `witnesses` | HASH | gateway → what its DATA_DIR remembers of the store, JSON, see `common/domain/store_generation.py` | forever |
| `rebuilt` | STRING | `owed`, `done` or `never`, and since when: whether Notion was read into this store, see `rebuild_state.py` | forever |
| `rebuilding` | STRING | `worker word`: the worker that is reading Notion, and its progress | seconds |
| `calendar:<campaign>` | HASH | `changes`, `all`: until when the changes to Cal.com's bookings, and all of them, were compared, ms | forever |
| `sweep` | STRING | the worker that sweeps | seconds |
| `ping` | STRING | the worker that sends the health check's ping | seconds |
| `budget:<provider>`, `budget:<provider>:after` | LIST, HASH | times of the last requests; the time before which there is none, see `budget.lua` | minutes |
| `mirror:create:<database>:<enr>` | HASH | the worker that is creating a Notion page, or the page it created, see `creation_guard.lua` | an hour; a day when the outcome is unknown |
| `queue:<q>`, `queue:<q>.msgs` | LIST, HASH | dramatiq's ready messages | until acknowledged |
| `queue:<q>.DQ`, `queue:<q>.DQ.msgs` | ZSET, HASH | delayed messages by due time, ms; ours have no body | until due |
| `queue:<q>.XQ`, `queue:<q>.XQ.msgs` | ZSET, HASH | messages that failed with an internal error, or killed their workers | until an operator deletes or requeues them |
| `queue:__paused__` | SET | queues of which no job is promoted | until resumed |
| `queue:__probing__` | HASH | queue → time from which one job a second is promoted, ms | while its provider fails |
| `queue:__ignored__` | HASH | kind of wait → how many times were ignored because they lay too far in the future | until reported |
| `queue:__failed__.<q>` | SET | jobs that were promoted as probes and failed: others are promoted first | while its provider fails |
| `queue:__heartbeats__` | ZSET | worker → its last heartbeat, ms of the store's clock | seconds |
| `queue:__queues__.<worker>` | SET | queues from which it fetched messages | while it lives |
| `queue:__acks__.<worker>.<q>` | SET | messages that it fetched and has not acknowledged, by ready id | until acknowledged |
| `queue:__started__.<worker>.<q>` | SET | those of them that it has started: only these can have killed it | as above |
| `queue:__takeovers__.<q>` | HASH | ready id → number of workers that died while they ran it | as above |
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
    """Return a function that makes the key of an id in this family: `enrollment` → `{advent}:enrollment:<id>`."""
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
"""The table `keys` of the scripts: key names, and the prefixes of key families, to which a script appends an id."""


def owner(owner_id: str) -> str:
    """Return the key of a delivery's owner: an enrollment, or a guest of a booking."""
    return enrollment(owner_id) if owner_id.startswith("enr_") else guest(owner_id)


def webhook(webhook_id: str) -> str:
    """
    Return the key of a webhook id such as `signup:msg_…`.

    An id may have any length; its digest of 16 bytes is stored. The odds of a collision among 10⁹ ids are 1 in 10²⁰.
    In a shell: `printf %s signup:msg_1 | b2sum -l 128 | xxd -r -p | basenc --base64url`, without the `==` at its end.
    """
    digest = blake2b(webhook_id.encode(), digest_size=16).digest()
    return f"{PREFIX}w:{urlsafe_b64encode(digest).decode()[:22]}"


def delayed(queue: str) -> str:
    """Return the key of a queue's schedule."""
    return QUEUE.delayed(queue)


def ready(queue: str) -> str:
    return QUEUE.ready(queue)
