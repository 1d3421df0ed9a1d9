-- Push messages to their lists within the window, wake idle workers, send signals.
-- KEYS: for each queue its lists of step 0, 3, 6, 9 and its wake key (5 keys).
-- ARGV: window, wake token cap, number of batches,
--       for each batch: index in KEYS of its list, count, payloads in order;
--       then (channel, payload) pairs to PUBLISH.
-- Returns { {accepted of batch 1, ...}, {depth of queue 1, ...} }; what is over the window is the batch's tail.
local window, cap = tonumber(ARGV[1]), tonumber(ARGV[2])
local at, accepted, pushed = 4, {}, {}
for batch = 1, tonumber(ARGV[3]) do
  local key, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local room = math.min(count, math.max(0, window - redis.call('LLEN', KEYS[key])))
  -- Lua's stack bounds unpack: a thousand at a time.
  for first = at + 2, at + 1 + room, 1000 do
    redis.call('LPUSH', KEYS[key], unpack(ARGV, first, math.min(first + 999, at + 1 + room)))
  end
  local queue = math.floor((key - 1) / 5)
  pushed[queue] = (pushed[queue] or 0) + room
  accepted[batch] = room
  at = at + 2 + count
end
local depths = {}
for queue = 0, #KEYS / 5 - 1 do
  local base, depth = queue * 5, 0
  for step = 1, 4 do depth = depth + redis.call('LLEN', KEYS[base + step]) end
  depths[queue + 1] = depth
  local wake = KEYS[base + 5]
  local tokens = math.min(pushed[queue] or 0, cap)
  if tokens > 0 then
    tokens = math.min(tokens, cap - redis.call('LLEN', wake))
    for _ = 1, tokens do redis.call('LPUSH', wake, '1') end
  end
end
for signal = at, #ARGV, 2 do redis.call('PUBLISH', ARGV[signal], ARGV[signal + 1]) end
return { accepted, depths }
