-- ask_calendar(KEYS = [schedule], ARGV = [job, due_ms]) → 1 | 0 it waits, or is under way
--   schedule  ZSET  job → instant it is due, ms
-- Compare the calendar's bookings with ours at an instant. Its number is in the job's id, so that any number of workers
-- may ask for it.

if scheduled('reconcile_bookings', ARGV[1], tonumber(ARGV[2])) then return 0 end
schedule('reconcile_bookings', ARGV[1], ARGV[2])
return 1
