"""One mailbox is one person, however its address is spelled."""

from __future__ import annotations

_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def canonical_mailbox(address: str) -> str:
    """
    `a.d.a+news@googlemail.com` → `ada@gmail.com`; `address` is repaired and lower-case already.

    A plus tag is removed everywhere; dots and *googlemail* are removed for Gmail only, where they are known to mean
    nothing (support.google.com/mail/answer/7436150). The result identifies a mailbox; mail goes to the spelling given.
    """
    local, _, domain = address.rpartition("@")
    plain = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{plain.replace('.', '') or plain}@gmail.com"
    return f"{plain}@{domain}"
