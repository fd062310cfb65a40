"""One fault: a text in a file, and its replacement."""

from __future__ import annotations

from dataclasses import dataclass

LEDGER = "common/ledger/lua"
BROKER = "common/queue/lua"
PROVIDERS = "common/providers"
ACTORS = "actors/sending"
DOMAIN = "common/domain"
TWILIO = "common/providers/twilio"


@dataclass(frozen=True)
class Mutant:
    """`script`: a Lua file without its suffix, `lib/owners`, or a Python file with it, `render_sms.py`."""

    folder: str
    script: str
    was: str
    becomes: str = ""

    @property
    def file(self) -> str:
        return f"{self.folder}/{self.script}" + ("" if self.is_python else ".lua")

    @property
    def is_python(self) -> bool:
        return self.script.endswith(".py")

    def __str__(self) -> str:
        was, becomes = (" ⏎ ".join(line.strip() for line in text.splitlines()) for text in (self.was, self.becomes))
        return f"{self.script}: {was} → {becomes or 'nothing'}"
