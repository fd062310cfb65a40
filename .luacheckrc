-- Lua as Redis 6.2 and later embed it: 5.1, a few libraries, and what each script is given.
std = 'lua51'
max_line_length = 132
read_globals = {'redis', 'cjson', 'KEYS', 'ARGV'}

-- `common/ledger/scripts.py` puts key names, limits, and the libraries of `lib/` that it uses before each of these.
files['common/ledger/lua'] = {
  read_globals = {
    'keys', 'limits', 'circuit', 'counts', 'delivery', 'owners', 'pause', 'projection', 'queue', 'records', 'sequence',
    'suppression', 'timeline',
  },
}
