-- Sliding log: the time of each send in a sorted set, those of the last window count. Store time.
-- KEYS[1]; ARGV: n, window in us. Returns how many us to wait; 0: go.
local n, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) < n then
  redis.call('ZADD', KEYS[1], now, time[1] .. '.' .. time[2])
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
  return 0
end
return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] + window - now + 1
