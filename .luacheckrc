-- Lua as Redis 6.2 and later embed it: 5.1, a few libraries, and what each script is given.
std = 'lua51'
max_line_length = 128
read_globals = {'redis', 'cjson', 'KEYS', 'ARGV'}

-- `common/store/lua.py` puts keys, limits, and the libraries that it uses before each of these.
files['common/queue/lua'] = {
  read_globals = {'queue_keys', 'limits', 'job', 'queue'},
}
