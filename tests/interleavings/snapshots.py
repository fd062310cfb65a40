"""The whole store as a value that can be compared; taking and restoring it need one round trip each."""

from __future__ import annotations

import redis

_TAKE = """
local found = {}
local names = redis.call('KEYS', '*')
table.sort(names)
for _, name in ipairs(names) do
  found[#found + 1] = name
  found[#found + 1] = redis.call('DUMP', name)
end
return found
"""
_PUT = """
redis.call('FLUSHALL')
for i = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
"""

Snapshot = tuple[bytes, ...]


class Snapshots:
    """Takes and restores snapshots of a store that nothing else uses and in which nothing expires."""

    def __init__(self, client: redis.Redis) -> None:
        self._take = client.register_script(_TAKE)
        self._put = client.register_script(_PUT)

    def take(self) -> Snapshot:
        return tuple(self._take())

    def put(self, snapshot: Snapshot) -> None:
        self._put(args=list(snapshot))
