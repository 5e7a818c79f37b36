-- Token bucket: tokens and when they were counted, refilled by the time that passed. Store time.
-- KEYS[1]; ARGV: n, window in us, capacity. Returns how many us to wait; 0: go.
local rate, capacity = ARGV[1] / ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local at = tonumber(bucket[2]) or now
local tokens = math.min(capacity, (tonumber(bucket[1]) or capacity) + math.max(0, now - at) * rate)
local wait = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait = math.ceil((1 - tokens) / rate)
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', math.max(at, now))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate / 1000) + 1)
return wait
