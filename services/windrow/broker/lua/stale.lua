-- Held messages whose holder was not seen for a while.
-- KEYS: unacked hash, unacked index. ARGV: seconds. Returns tag, value, tag, value, ...
local before = redis.call('TIME')[1] - tonumber(ARGV[1])
local reply = {}
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. before)) do
  local value = redis.call('HGET', KEYS[1], tag)
  if value then
    reply[#reply + 1] = tag
    reply[#reply + 1] = value
  end
end
return reply
