-- GCRA: one number a key, the theoretical arrival time. Store time, microseconds.
-- KEYS[1]; ARGV: n, window in us, burst. Returns how many us to wait; 0: go.
local interval = ARGV[2] / ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tat = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
local wait = tat - (ARGV[3] - 1) * interval - now
if wait > 0 then
  return math.ceil(wait)
end
redis.call('SET', KEYS[1], tat + interval, 'PX', math.ceil((tat + interval - now) / 1000))
return 0
