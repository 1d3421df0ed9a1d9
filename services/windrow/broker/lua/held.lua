-- The messages that one worker holds.
-- KEYS: unacked hash. ARGV: tag prefix of the worker. Returns tag, value, tag, value, ...
local reply = {}
for _, tag in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(tag, 1, #ARGV[1]) == ARGV[1] then
    reply[#reply + 1] = tag
    reply[#reply + 1] = redis.call('HGET', KEYS[1], tag)
  end
end
return reply
