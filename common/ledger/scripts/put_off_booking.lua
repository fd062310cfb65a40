-- put_off_booking(KEYS = [bookings], ARGV = [booking id, until_ms]) → 1
--   bookings  ZSET  booking → instant at which it should be looked at, ms

redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
schedule('bookings', ARGV[1], ARGV[2])
return 1
