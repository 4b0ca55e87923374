-- Makes seats: ARGV: how many, how many of them are free, the deadline of those that are held.
for number = 0, tonumber(ARGV[1]) - 1 do
  local free = number < tonumber(ARGV[2])
  redis.call('HSET', string.format('seat:%012d', number),
    'id', number, 'performance', 'gala', 'section', 'A', 'row', math.floor(number / 50), 'number', number % 50,
    'category', 'R', 'price', 99000,
    'status', free and 'FREE' or 'HELD', 'owner', free and '' or 'somebody-else', 'request', '',
    'held_at', 0, 'deadline', free and 0 or ARGV[3], 'version', 1)
end
return redis.call('HLEN', 'seat:000000000000')
