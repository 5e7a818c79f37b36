-- Fixed window: a counter that expires; the window begins with its first request.
-- KEYS[1]; ARGV: n, window in us. Returns how many us to wait; 0: go.
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
end
if count <= tonumber(ARGV[1]) then
  return 0
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then -- a counter that lost its expiry would close the key for ever
  redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
  left = ARGV[2] / 1000
end
return math.max(left, 1) * 1000
