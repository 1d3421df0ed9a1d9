-- Every message of one queue, waiting or held, at one instant.
-- KEYS: the queue's four lists, then unacked hashes of the pools that serve it.
-- ARGV: how far to look into each list (foreign producers know no window). Returns compact payloads.
local reply, lists = {}, {}
local function keep(payload)
  if string.sub(payload, 1, 6) == '{"id":' then reply[#reply + 1] = payload end
end
for i = 1, 4 do
  lists[KEYS[i]] = true
  for _, payload in ipairs(redis.call('LRANGE', KEYS[i], -tonumber(ARGV[1]), -1)) do keep(payload) end
end
for i = 5, #KEYS do
  for _, held in ipairs(redis.call('HVALS', KEYS[i])) do
    local newline = string.find(held, '\n', 1, true)
    if lists[string.sub(held, 1, newline - 1)] then keep(string.sub(held, newline + 1)) end
  end
end
return reply
