-- A hold of one seat, as Redis does it for those who keep seats there.
--
-- KEYS: the seat, a hash of 13 fields; its section, a hash of counters.
-- ARGV: buyer, request id, now, deadline (milliseconds).
local seat = redis.call('HMGET', KEYS[1], 'status', 'owner', 'deadline')
if not seat[1] then
  return {'NO_SUCH_SEAT'}
end
if seat[1] == 'HELD' and tonumber(seat[3]) > tonumber(ARGV[3]) then
  return {'SEAT_TAKEN', seat[2]}
end
if seat[1] == 'SOLD' or seat[1] == 'BLOCKED' then
  return {'SEAT_TAKEN', seat[2]}
end
redis.call('HSET', KEYS[1], 'status', 'HELD', 'owner', ARGV[1], 'request', ARGV[2],
  'held_at', ARGV[3], 'deadline', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HINCRBY', KEYS[2], 'held', 1)
redis.call('HINCRBY', KEYS[2], 'free', -1)
return {'HELD', ARGV[4]}
