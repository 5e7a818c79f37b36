-- The most replicas that a primary was ever seen with, by any limiter: one that is away now comes
-- back, or is promoted by those who see it. Whoever takes one away for good deletes the key.
local info = redis.call('INFO', 'replication')
local seen = tonumber(string.match(info, 'connected_slaves:(%d+)')) or 0
local most = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
if seen > most then
  most = seen
  redis.call('SET', KEYS[1], most)
end
return most
