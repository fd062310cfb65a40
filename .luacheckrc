-- The scripts that a Redis or Valkey runs: one text is composed from several files (common/store/lua.py).
std = {
  read_globals = {
    'KEYS', 'ARGV', 'redis', 'cjson',
    'assert', 'error', 'ipairs', 'math', 'next', 'pairs', 'pcall', 'select', 'string', 'table', 'tonumber', 'tostring',
    'type', 'unpack',
    -- made from Python: keys and constants
    'queue_keys', 'limits', 'job',
    -- libraries
    'queue',
  },
}
max_line_length = 120
allow_defined_top = false
-- A library's own name is local to its file, and hides the global one.
ignore = {'431/queue'}
include_files = {'common/**/*.lua'}
