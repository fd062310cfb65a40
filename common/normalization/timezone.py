"""Time zones as browsers, forms and Windows name them."""

from __future__ import annotations

import zoneinfo
from functools import cache

from babel.core import get_global

from common.normalization.text import visible


def read_timezone(value: object) -> str | None:
    """The IANA name: of any case, a backward link or a Windows name (CLDR `windowsZones`); None for anything else."""
    return _known().get(visible(value).casefold()) if isinstance(value, str) else None


def zone_names() -> frozenset[str]:
    """Every IANA name, as `read_timezone` returns them."""
    return frozenset(_known().values())


@cache
def _known() -> dict[str, str]:
    """Case-folded name → IANA name. The first call reads the disk: make it before the first request."""
    # `localtime` is the machine's own setting and no zone of IANA: elsewhere it would be another hour.
    iana = zoneinfo.available_timezones() - {"localtime", "Factory"}
    windows = {name: zone for name, zone in get_global("windows_zone_mapping").items() if zone in iana}
    return {name.casefold(): zone for name, zone in windows.items()} | {name.casefold(): name for name in iana}
