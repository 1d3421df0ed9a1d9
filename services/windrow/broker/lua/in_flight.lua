-- How many messages are held. KEYS: unacked hashes. Returns the length of each.
local reply = {}
for i, key in ipairs(KEYS) do reply[i] = redis.call('HLEN', key) end
return reply
