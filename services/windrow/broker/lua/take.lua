-- Pop up to n messages and register them as held, in one step: SIGKILL never finds one in between.
-- KEYS: unacked hash, unacked index, for each queue its lists of step 0, 3, 6, 9 and its wake key,
--       then other lists to look into last (full Celery messages with a priority).
-- ARGV: tag prefix, first sequence number, free, ahead, number of queues, low water,
--       number of settled tags, the tags, then the tasks that may be claimed ahead.
-- Takes `free` messages whatever they are, then `ahead` more while their task is fast; a message marked
-- alone only as the first and only one. Returns { more waits in the queues?, more in the other lists?, stopped
-- at a slow one?, then list index and payload of each message }; the k-th has the k-th sequence number.
local unacked, index = KEYS[1], KEYS[2]
local prefix, seq = ARGV[1], tonumber(ARGV[2])
local free, ahead, queues = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local low_water, last_settled = tonumber(ARGV[6]), 7 + tonumber(ARGV[7])
for first = 8, last_settled, 1000 do
  local last = math.min(first + 999, last_settled)
  redis.call('HDEL', unacked, unpack(ARGV, first, last))
  redis.call('ZREM', index, unpack(ARGV, first, last))
end
local fast = {}
for i = last_settled + 1, #ARGV do fast[ARGV[i]] = true end

local order = {}
for step = 4, 1, -1 do
  for queue = 0, queues - 1 do order[#order + 1] = 2 + queue * 5 + step end
end
for key = 3 + queues * 5, #KEYS do order[#order + 1] = key end

-- A list that falls below low water wakes the relay, once: the ledger may have more for it. That is under half of
-- the window, so that the next ones are here before the last are taken.
local low = false

local now = redis.call('TIME')[1]
local reply, taken, stopped = { 0, 0, 0 }, 0, false
for _, key in ipairs(order) do
  local want = free + ahead - taken
  if want <= 0 or stopped then break end
  local waiting, popped = redis.call('LRANGE', KEYS[key], -want, -1), 0
  local fields, scores = {}, {}
  for i = #waiting, 1, -1 do
    local payload = waiting[i]
    local compact = string.sub(payload, 1, 6) == '{"id":'
    local alone = compact and string.sub(payload, -11) == ',"alone":1}'
    if alone and taken > 0 then stopped = true break end
    if taken >= free then
      local task = compact and not alone and string.match(payload, '"task":"(.-)"')
      if not (task and fast[task]) then stopped = true reply[3] = 1 break end
    end
    local tag = prefix .. string.format('%.0f', seq + taken)
    taken = taken + 1
    popped = popped + 1
    fields[#fields + 1] = tag
    fields[#fields + 1] = KEYS[key] .. '\n' .. payload
    scores[#scores + 1] = now
    scores[#scores + 1] = tag
    reply[#reply + 1] = key
    reply[#reply + 1] = payload
    if alone then stopped = true break end
  end
  if popped > 0 then
    -- The pop comes first: once a script has written, a full server lets it finish.
    redis.call('RPOP', KEYS[key], popped)
    redis.call('HSET', unacked, unpack(fields))
    redis.call('ZADD', index, unpack(scores))
    local left = redis.call('LLEN', KEYS[key])
    low = low or (left < low_water and left + popped >= low_water)
  end
end
if low then redis.call('PUBLISH', 'windrow:beat', 'relay') end

for queue = 0, queues - 1 do
  local base = 2 + queue * 5
  local wake = KEYS[base + 5]
  if redis.call('EXISTS', KEYS[base + 1], KEYS[base + 2], KEYS[base + 3], KEYS[base + 4]) > 0 then
    reply[1] = 1
    -- Someone else may have room. A full server refuses the token: then the idle workers' own look helps.
    if redis.call('EXISTS', wake) == 0 then redis.pcall('LPUSH', wake, '1') end
  else
    redis.call('DEL', wake)
  end
end
for key = 3 + queues * 5, #KEYS do
  if redis.call('EXISTS', KEYS[key]) == 1 then reply[2] = 1 end
end
return reply
