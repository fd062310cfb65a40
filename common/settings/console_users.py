"""CONSOLE_USERS: the users of the console, with their roles and the hashes of their tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

Role = Literal["full", "read"]
ROLES: Final = ("full", "read")
TOKEN_USER: Final = "console-token"
"""The name of the user who logs in with CONSOLE_TOKEN; no user in CONSOLE_USERS may have this name."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ConsoleUser:
    """`token_sha256`: the SHA-256 of the token in hexadecimal digits. The token itself is not stored."""

    name: str
    role: Role
    token_sha256: str

    @property
    def line(self) -> str:
        """The entry of this user in CONSOLE_USERS."""
        return f"{self.name}:{self.role}:{self.token_sha256}"

    @property
    def may_act(self) -> bool:
        return self.role == "full"


def new_user(name: str, role: Role) -> tuple[ConsoleUser, str]:
    """Return a user with a generated token, and the token. Raises ValueError for a name that no user can have."""
    if fault := _fault_of_name(name):
        raise ValueError(fault)
    token = secrets.token_urlsafe(32)
    return ConsoleUser(name, role, token_hash(token)), token


def token_user(token: str) -> ConsoleUser:
    """Return the user who logs in with CONSOLE_TOKEN."""
    return ConsoleUser(TOKEN_USER, "full", token_hash(token))


def token_hash(token: str) -> str:
    """Return the SHA-256 of a token. A header may hold any bytes, which aiohttp decodes to surrogates."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def user_with(token: str, users: Iterable[ConsoleUser]) -> ConsoleUser | None:
    """Return the user with this token, or None. Every user is compared, so that the duration reveals nothing."""
    given, found = token_hash(token), None
    for user in users:
        if hmac.compare_digest(given, user.token_sha256):
            found = user
    return found


def parse_users(text: str) -> tuple[ConsoleUser, ...]:
    """Read CONSOLE_USERS. Raises ValueError, which names the entry and the cure, but never the hash."""
    users: dict[str, ConsoleUser] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, rest = entry.partition(":")
        role, _, sha256 = rest.partition(":")
        if fault := _fault_of(name, role, sha256.lower()):
            raise ValueError(f"{fault}; take the line that `advent console-user NAME --role read` prints")
        if name in users:
            raise ValueError(f"names {name} twice; keep one of the two entries")
        users[name] = ConsoleUser(name, "full" if role == "full" else "read", sha256.lower())
    return tuple(users.values())


def checked_users(value: Any) -> str:
    """Return the value of CONSOLE_USERS unchanged. Raises ValueError if `parse_users` cannot read it."""
    parse_users(str(value))
    return str(value)


def _fault_of(name: str, role: str, sha256: str) -> str | None:
    if fault := _fault_of_name(name):
        return fault
    if role not in ROLES:
        return f"the role of {name} must be full or read"
    return None if _SHA256.fullmatch(sha256) else f"the entry of {name} must end with the SHA-256 of its token"


def _fault_of_name(name: str) -> str | None:
    if name == TOKEN_USER:
        return f"{TOKEN_USER} is the user of CONSOLE_TOKEN and cannot be given to another"
    if not _NAME.fullmatch(name):
        return "a name needs 1 to 32 lower-case letters, digits, dots, dashes or underscores"
    return None
