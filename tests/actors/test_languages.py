"""A contact gets every mail in the one language that they chose."""

from __future__ import annotations

from dataclasses import replace

from common.campaigns.campaign import campaign_of
from common.campaigns.compiled import Sender
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.errors import Transient
from common.settings.settings import Settings
from services.simulation.engine import Simulation

DAY_MS = 86_400_000


def languages(simulation: Simulation, address: str) -> list[str]:
    """Return the language that each mail's frame names, in the order of arrival."""
    return [mail.html.partition('lang="')[2].partition('"')[0] for mail in simulation.mailer.inbox_of(address)]


async def test_contact_with_a_french_locale_gets_every_mail_in_french(simulation: Simulation, chen: Assessment) -> None:
    await simulation.sign_up(replace(chen, locale="fr-FR"))
    await simulation.run()

    assert languages(simulation, chen.email) == ["fr-CA"] * 7
    assert all("Se désabonner" in mail.html for mail in simulation.mailer.inbox_of(chen.email))
    assert all("?lang=fr-CA>" in mail.headers["List-Unsubscribe"] for mail in simulation.mailer.inbox_of(chen.email))
    assert simulation.mirror.rows[enrollment_id("christmas_2025", chen.email)].language == "fr-CA"  # type: ignore[union-attr]


async def test_unknown_locale_gets_the_default_language(simulation: Simulation, ada: Assessment) -> None:
    await simulation.sign_up(replace(ada, locale="de"))
    await simulation.run()

    assert languages(simulation, ada.email) == ["en-CA"] * 7
    assert simulation.mirror.rows[enrollment_id("christmas_2025", ada.email)].language is None  # type: ignore[union-attr]


async def test_a_later_signup_in_another_language_changes_the_mails_to_come(
    simulation: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await simulation.sign_up(replace(ada, locale="fr-CA"))
    await simulation.run(until_ms=clock.now_ms() + 2 * DAY_MS)
    await simulation.sign_up(replace(ada, locale="en-GB"))
    await simulation.run()

    assert languages(simulation, ada.email) == ["fr-CA", "fr-CA", *["en-CA"] * 5]


async def test_later_signup_without_a_language_changes_no_language(
    simulation: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await simulation.sign_up(replace(ada, locale="fr-CA"))
    await simulation.run(until_ms=clock.now_ms() + 2 * DAY_MS)
    await simulation.sign_up(replace(ada, locale=None))
    await simulation.run()

    assert languages(simulation, ada.email) == ["fr-CA"] * 7


async def test_frozen_mail_keeps_its_language(simulation: Simulation, clock: VirtualClock, ada: Assessment) -> None:
    simulation.mailer.failure = lambda _mail: Transient("rate_limit_exceeded", status=500)
    await simulation.sign_up(replace(ada, locale="fr-CA"))
    await simulation.run(until_ms=clock.now_ms() + 1)
    await simulation.sign_up(replace(ada, locale="en-CA"))
    simulation.mailer.failure = lambda _mail: None
    await simulation.run()

    assert languages(simulation, ada.email) == ["fr-CA", *["en-CA"] * 6]


async def test_contact_who_only_booked_is_reminded_in_the_language_of_the_booking(
    simulation: Simulation, clock: VirtualClock
) -> None:
    await simulation.book("emeka@example.org", clock.now_ms() + 5 * DAY_MS, uid="E", locale="fr")
    await simulation.run()

    assert languages(simulation, "emeka@example.org") == ["fr-CA"] * 3


async def test_language_of_the_signup_takes_precedence_over_the_bookings(
    simulation: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await simulation.sign_up(replace(ada, locale="en"))
    await simulation.book(ada.email, clock.now_ms() + 5 * DAY_MS, uid="A", locale="fr")
    await simulation.run()

    assert set(languages(simulation, ada.email)) == {"en-CA"}


async def test_a_campaign_may_name_its_own_sender(store, campaign, clock, ada):
    sender = Sender(address="Zoé at Spring <zoe@spring.example>", reply_to="answers@spring.example")
    own = campaign_of(replace(campaign.compiled, sender=sender))
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    run = Simulation(store, own, settings, clock=clock)
    await run.sign_up(ada)
    await run.run(until_ms=clock.now_ms() + 1)

    ((_, mail),) = run.mailer.accepted_mails
    assert (mail.sender, mail.reply_to) == ("Zoé at Spring <zoe@spring.example>", "answers@spring.example")
    assert mail.text.count("Zoé at Spring") == 2
