-- How many messages wait. KEYS: lists. Returns the length of each.
local reply = {}
for i, key in ipairs(KEYS) do reply[i] = redis.call('LLEN', key) end
return reply
