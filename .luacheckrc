-- Lua as Redis 6.2 and later embed it: 5.1, a few libraries, and what each script is given.
std = 'lua51'
max_line_length = 132
read_globals = {
  'redis', 'cjson', 'KEYS', 'ARGV',
  -- `common/store/lua.py` puts these before each script: tables made from Python, and the queue's library
  'keys', 'limits', 'queue_keys', 'job', 'queue',
}

-- and the libraries of `lib/` that a file of the ledger uses
files['common/ledger/lua'] = {
  read_globals = {
    'channel', 'circuit', 'console_job', 'counts', 'crossing', 'delivery', 'held', 'in_force', 'mailbox', 'number', 'owners',
    'pause', 'people', 'projection', 'records',
    'sequence', 'suppression', 'timeline', 'webhook_ids',
  },
}
