"""What is around every mail: sender, the way out, and the tags that its events bring back."""

from __future__ import annotations

from collections.abc import Mapping

from common.campaigns.campaign import Rendered
from common.domain.ids import EnrollmentId
from common.domain.mail import Mail
from common.domain.suppression import Unsubscribe
from common.world import World


def way_out(world: World, person: EnrollmentId, address: str) -> str:
    """The unsubscribe link of one person, enrolled or not."""
    token = Unsubscribe(person, world.ledger.mark(address)).token(world.settings.secret)
    return f"{world.settings.public_address}/unsubscribe/{token}"


def enveloped(world: World, address: str, rendered: Rendered, link: str, tags: Mapping[str, str]) -> Mail:
    """The mail as it is frozen."""
    identity = world.settings.identity
    return Mail(
        sender=identity.sender,
        to=address,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        reply_to=identity.reply_to,
        # RFC 8058: the mail client posts to the link without asking the person anything more.
        headers={"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        tags={"campaign": world.campaign.key, **tags},
    )
