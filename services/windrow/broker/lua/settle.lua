-- End the hold on messages: done with, refused, or given back to the head of their lists.
-- KEYS: unacked hash, unacked index, rejected list, then for each given back tag its list and wake key.
-- ARGV: wake token cap, rejected cap, number of done tags, the tags, number of refused tags, the tags,
--       then the tags to give back, newest first. A tag that is not held (any more) is skipped.
-- Returns how many were given back.
local unacked, index, rejected = KEYS[1], KEYS[2], KEYS[3]
local done = 3 + tonumber(ARGV[3])
for first = 4, done, 1000 do
  local last = math.min(first + 999, done)
  redis.call('HDEL', unacked, unpack(ARGV, first, last))
  redis.call('ZREM', index, unpack(ARGV, first, last))
end

local function release(tag)
  local held = redis.call('HGET', unacked, tag)
  if not held then return nil end
  redis.call('HDEL', unacked, tag)
  redis.call('ZREM', index, tag)
  return string.sub(held, string.find(held, '\n', 1, true) + 1)
end

local refused = done + 1 + tonumber(ARGV[done + 1])
for i = done + 2, refused do
  local payload = release(ARGV[i])
  if payload then
    redis.call('LPUSH', rejected, payload)
    redis.call('LTRIM', rejected, 0, tonumber(ARGV[2]) - 1)
  end
end

local returned, key = 0, 4
for i = refused + 1, #ARGV do
  local payload = release(ARGV[i])
  if payload then
    redis.call('RPUSH', KEYS[key], payload)
    if redis.call('LLEN', KEYS[key + 1]) < tonumber(ARGV[1]) then redis.call('LPUSH', KEYS[key + 1], '1') end
    returned = returned + 1
  end
  key = key + 2
end
return returned
