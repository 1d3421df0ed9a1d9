-- Remove the waiting wake-ups of a queue. Full Celery messages stay: nothing else knows of them yet.
-- KEYS: the queue's four lists, then its wake key. Returns the removed payloads.
local reply = {}
for i = 1, 4 do
  local waiting = redis.call('LRANGE', KEYS[i], 0, -1)
  redis.call('DEL', KEYS[i])
  for _, payload in ipairs(waiting) do
    if string.sub(payload, 1, 6) == '{"id":' then
      reply[#reply + 1] = payload
    else
      redis.call('RPUSH', KEYS[i], payload)
    end
  end
end
redis.call('DEL', KEYS[5])
return reply
