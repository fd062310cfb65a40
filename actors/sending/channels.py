"""What sending needs of each channel: provider, budget and renderer. A new channel is one more entry in `_ROUTES`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from actors.sending.find_accepted import NotFound, find_mail, find_text
from actors.sending.render import NotSent, idempotency_key, render
from actors.sending.render_sms import frozen_sms, render_sms
from common.domain.delivery import Channel
from common.domain.mail import AcceptedMail, Mail
from common.domain.sms import AcceptedSms, Sms
from common.ledger.owners import Owned
from common.providers.budget import Budget
from common.world import World

Message = Mail | Sms
LookupResult = AcceptedMail | AcceptedSms | NotFound

NOT_SET_UP = "SMS is not set up"
TEST_MODE = "test_mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    How the deliveries of one channel are sent.

    `provider`: the client; only one job at a time reads its list. `render`: renders a delivery that was never frozen.
    `thaw`: restores the message of a frozen delivery from its payload. `refusal`: returns why the message must not be
    sent now, or None; it is called before rendering too, with None as the message. `send`: sends the message and
    returns the provider's id of it. `number`: the phone number that gets it; None: it goes to the owner's address.
    `find`: searches the provider's list for a delivery that may have been accepted.
    """

    provider: object
    budget: Budget
    render: Callable[[Owned], Awaitable[Message]]
    thaw: Callable[[Owned, str], Awaitable[Message]]
    refusal: Callable[[Owned, Message | None], str | None]
    send: Callable[[Owned, Message], Awaitable[str]]
    number: Callable[[Message], str | None]
    find: Callable[[Owned, Budget], Awaitable[LookupResult]]


def route_of(world: World, channel: Channel) -> Route:
    """Return the route of a channel. Raises `NotSent` if its provider is not set up."""
    return _ROUTES[channel](world)


def _mail_route(world: World) -> Route:
    async def send(item: Owned, message: Message) -> str:
        assert isinstance(message, Mail)
        return await world.mailer.send(message, idempotency_key=idempotency_key(item))

    async def thaw(_item: Owned, payload: str) -> Message:
        return Mail.thawed(payload)

    return Route(
        provider=world.mailer,
        budget=world.mail_budget,
        render=lambda item: render(world, item),
        thaw=thaw,
        refusal=lambda item, _message: None if world.settings.may_mail(item.address) else TEST_MODE,
        send=send,
        number=lambda _message: None,
        find=lambda item, budget: find_mail(world, item, budget),
    )


def _sms_route(world: World) -> Route:
    texter, budget = world.texter, world.text_budget
    if texter is None or budget is None:
        raise NotSent(NOT_SET_UP)

    async def send(_item: Owned, message: Message) -> str:
        assert isinstance(message, Sms)
        return await texter.send(message)

    def refusal(_item: Owned, message: Message | None) -> str | None:
        if not isinstance(message, Sms):
            return None
        return None if world.settings.may_text(message.to) else TEST_MODE

    return Route(
        provider=texter,
        budget=budget,
        render=lambda item: render_sms(world, item),
        thaw=lambda item, payload: frozen_sms(world, item, payload),
        refusal=refusal,
        send=send,
        number=lambda message: message.to if isinstance(message, Sms) else None,
        find=lambda item, budget: find_text(world, item, budget),
    )


_ROUTES: Final[Mapping[Channel, Callable[[World], Route]]] = {Channel.EMAIL: _mail_route, Channel.SMS: _sms_route}
