"""
One check for each kind of setting: it takes the text from the environment and returns the value.

The docstring of a check describes the values that it accepts. It raises ValueError for any other, on one line, with
what is wrong and what to set. The message never repeats a value that may be secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from common.domain.sms import E164

Number = TypeVar("Number", int, float)

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_NOTION_ID = re.compile(r"[0-9a-f]{32}")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_SPECIALS = re.compile(r'[,;:()\[\]@\\"]')
"""Characters that a name may contain only in quotes (RFC 5322). Dots are left out: every parser accepts them."""
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)+"')
_SMS_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{5,6}|MG[0-9a-f]{32}")
_TWILIO_SID = re.compile(r"AC[0-9a-f]{32}")
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def truth(value: Any) -> bool:
    """`true`, `false`, `1` or `0`, in any case."""
    if isinstance(value, bool):
        return value
    try:
        return _TRUTH[str(value).lower()]
    except KeyError:
        raise ValueError(f"{value!r} is neither true nor false; set it to true or false") from None


def is_this_machine(address: str) -> bool:
    """Return whether a web address can lead only to this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number from `low` to `high`."""
    return _between(int, "a whole number", low, high, "d")


def number(low: float, high: float) -> Callable[[Any], float]:
    """A finite number from `low` to `high`."""
    return _between(float, "a number", low, high, "g")


def _between(
    read: Callable[[str], Number], kind: str, low: Number, high: Number, shown: str
) -> Callable[[Any], Number]:
    """A number from `low` to `high`; NaN never is. `shown`: the number format in messages."""

    def check(value: Any) -> Number:
        try:
            given = read(str(value))
        except ValueError:
            cure = f"set one from {low:{shown}} to {high:{shown}}"
            raise ValueError(f"{value!r} is not {kind}; {cure}") from None
        if not low <= given <= high:
            raise ValueError(f"{given:{shown}} is out of range; set {kind} from {low:{shown}} to {high:{shown}}")
        return given

    return check


def one_of(*words: str, upper: bool = False) -> Callable[[Any], str]:
    """One of these words, in any case. Returned in upper case if `upper`, else in lower case."""

    def check(value: Any) -> str:
        word = str(value).upper() if upper else str(value).lower()
        if word not in words:
            raise ValueError(f"{value!r} is not known; set one of {', '.join(words)}")
        return word

    return check


def name(value: Any) -> str:
    """The name of a campaign's directory. It cannot lead out of the directory of campaigns."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(value)):
        raise ValueError(f"{value!r} is not a campaign's name; set letters, digits, _ and - only, like christmas_2025")
    return str(value)


def names(value: Any) -> str:
    """A comma-separated list of campaigns' directories, each once."""
    listed = [name(part) for part in split(str(value))]
    if not listed or len(set(listed)) != len(listed):
        raise ValueError("name at least one campaign, and each once; set it like christmas_2025,new_year_2026")
    return ",".join(listed)


def host(value: Any) -> str:
    """A host to bind: a name or an IP address, without scheme or port."""
    text = str(value).removeprefix("[").removesuffix("]")
    if re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{value!r} is not a host; set a name or an IP address, like 127.0.0.1") from None


def web_address(value: Any) -> str:
    """An `http://` or `https://` address with a host; it may hold a token. A trailing slash is removed."""
    text = str(value)
    try:
        parts = urlsplit(text)
        ok = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        ok = False
    if not ok or re.search(r"[\s<>\"]", text):
        raise ValueError("not a web address; set one that begins with https:// (or http://) and names a host")
    return text.rstrip("/")


def base_address(value: Any) -> str:
    """A web address to which paths are appended."""
    text = web_address(value)
    if "?" in text or "#" in text:
        raise ValueError("has a ? or a #, and paths are appended to it; set only the part before that")
    return text


def store_address(value: Any) -> str:
    """A `redis://`, `rediss://`, `unix://` or `sentinel://` address; it may hold a password."""
    text = str(value)
    try:
        parts = urlsplit(text)
        if _STORES[parts.scheme](text):
            return text
    except (KeyError, ValueError):
        pass
    raise ValueError(
        "not the address of a data store; set redis://host:6379/0, rediss://host:6379/0, unix:///path/to/socket"
        " or sentinel://host:26379,host:26379/name"
    )


def sentinel_parts(url: str) -> tuple[list[tuple[str, int]], str]:
    """Split `sentinel://[user:password@]host:port,host:port/name` into [(host, port), …] and the primary's name."""
    nodes, _, primary = url.removeprefix("sentinel://").rpartition("@")[2].partition("/")
    return [_node(node) for node in nodes.split(",")], primary.partition("?")[0].strip("/")


def _node(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname or parts.path:
        raise ValueError("a sentinel is host:port")
    return parts.hostname, parts.port or 26379


def _is_network_store(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and parts.port != 0 and re.fullmatch(r"/?\d*", parts.path) is not None


def _is_sentinel(url: str) -> bool:
    nodes, primary = sentinel_parts(url)
    return bool(nodes) and re.fullmatch(r"[\w.-]+", primary) is not None


_STORES: dict[str, Callable[[str], bool]] = {
    "redis": _is_network_store,
    "rediss": _is_network_store,
    "unix": lambda url: len(urlsplit(url).path) > 1 and not urlsplit(url).netloc.partition("@")[2],
    "sentinel": _is_sentinel,
}


def words(value: Any) -> str:
    """A comma-separated list; entries are trimmed, and empty ones dropped."""
    return ",".join(split(str(value)))


def split(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def standard_secrets(value: Any) -> str:
    """One or more Standard Webhooks secrets: `whsec_` and strict base64 of 24 bytes or more."""
    secrets = split(str(value))
    for position, secret in enumerate(secrets, 1):
        which = f"secret {position} of {len(secrets)} " if len(secrets) > 1 else ""
        if fault := _fault_of_standard_secret(secret):
            raise ValueError(f"{which}{fault}; set whsec_ followed by the base64 of 24 bytes or more")
    if not secrets:
        raise ValueError("an empty list; set whsec_ followed by the base64 of 24 bytes or more")
    return ",".join(secrets)


def _fault_of_standard_secret(secret: str) -> str | None:
    if not secret.startswith("whsec_"):
        return "does not begin with whsec_"
    try:
        # Strict, because the verifying library skips other characters: it would use a key that no sender has.
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return "is not base64 after whsec_"
    return f"has only {len(key)} bytes" if len(key) < 24 else None


def networks(value: Any) -> str:
    """A comma-separated list of IP networks; a single address counts as a network."""
    entries = split(str(value))
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise ValueError(f"{entry!r} is not a network; set addresses or networks like 10.0.0.0/8") from None
    return ",".join(entries)


def header_name(value: Any) -> str:
    """The name of an HTTP header."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", str(value)):
        raise ValueError("is not the name of a header; set one like X-Forwarded-User")
    return str(value)


def recipients(value: Any) -> str:
    """A comma-separated list of addresses, domains, phone numbers in E.164, or `*` for all; lower-cased."""
    entries = [entry.lower().removeprefix("@") for entry in split(str(value))]
    for entry in entries:
        if entry != "*" and not any(kind.fullmatch(entry) for kind in (_ADDRESS, _DOMAIN, E164)):
            raise ValueError(
                f"entry {entries.index(entry) + 1} is neither an address nor a domain;"
                " set addresses, domains and numbers like +14165550123 separated by commas, or * for everybody"
            )
    return ",".join(entries)


def twilio_sid(value: Any) -> str:
    """The sid of a Twilio account."""
    if not _TWILIO_SID.fullmatch(str(value)):
        raise ValueError("not an account's sid; set AC and 32 hexadecimal digits, as Twilio's console shows it")
    return str(value)


def sms_sender(value: Any) -> str:
    """A number in E.164, a short code, or the sid of a messaging service."""
    if not _SMS_SENDER.fullmatch(str(value)):
        raise ValueError("not a sender; set a number such as +14165550123, or a messaging service's sid (MG…)")
    return str(value)


def hosts(value: Any) -> str:
    """A comma-separated list of host names, each including its subdomains; lower-cased."""
    entries = [entry.lower().removeprefix("*.").removeprefix(".") for entry in split(str(value))]
    for position, entry in enumerate(entries, 1):
        if not _DOMAIN.fullmatch(entry):
            raise ValueError(
                f"entry {position} is not a host; set names separated by commas, like zoom.us,meet.google.com"
            )
    return ",".join(entries)


def notion_id(value: Any) -> str:
    """A Notion id, or a URL copied from the browser, where a title may precede the id. Returned as a dashed UUID."""
    pasted = str(value).strip().strip("\"'<>")
    last = urlsplit(pasted).path.rstrip("/").rpartition("/")[2].replace("-", "").lower()
    digits = last[-32:] if "/" in pasted else last
    if _NOTION_ID.fullmatch(digits) is None:
        raise ValueError("not a Notion id; set the database's 32-digit id, or its URL as the browser shows it")
    return str(UUID(digits))


def sender(value: Any) -> str:
    """`Name <address>` or an address. Every mail parser must be able to read it as one sender."""
    text = str(value)
    inner = re.fullmatch(r"([^<>\r\n]*)<([^<>]+)>", text)
    if not _ADDRESS.fullmatch(inner.group(2).strip() if inner else text):
        raise ValueError('not a sender; set an address, or "Name <address>"')
    name = inner.group(1).strip() if inner else ""
    if _SPECIALS.search(name) and not _QUOTED.fullmatch(name):
        quoted = name.replace("\\", "").replace('"', "")
        cure = f'"{quoted}" <{inner.group(2).strip()}>' if inner else ""
        raise ValueError(f"the name has a character that separates addresses; put it in quotes: {cure}")
    return text
