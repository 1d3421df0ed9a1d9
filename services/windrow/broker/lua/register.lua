-- Register messages as held again, after Redis lost them while their holder lived on.
-- KEYS: unacked hash, unacked index. ARGV: tag, value, tag, value, ...
local now = redis.call('TIME')[1]
for i = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then redis.call('ZADD', KEYS[2], now, ARGV[i]) end
end
return 0
