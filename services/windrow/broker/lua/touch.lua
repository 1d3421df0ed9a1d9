-- Tell that held messages have a living holder.
-- KEYS: unacked index. ARGV: tags. A tag that is not held is not added. Returns nothing of interest.
local now = redis.call('TIME')[1]
for first = 1, #ARGV, 1000 do
  local scores = {}
  for i = first, math.min(first + 999, #ARGV) do
    scores[#scores + 1] = now
    scores[#scores + 1] = ARGV[i]
  end
  redis.call('ZADD', KEYS[1], 'XX', unpack(scores))
end
return 0
