-- The leanest way to a decision: a shard with one limit, listed, held no tighter than its settings, and
-- keys about which nothing unusual is known. Whatever else is met, this leaves all to the script
-- proper (decide.lua), whose functions are made after this alone has failed: making them costs more
-- than deciding.
local function decide_lean()
  local unpk, sub, call, floor = struct.unpack, string.sub, redis.call, math.floor
  local s = call('GET', KEYS[1])
  if not s or #s < STATE_SIZE or string.byte(s, 1) ~= SCHEMA_NOW then return nil end
  local flags, named = unpk('<Bc40', ARGV[1])
  local _, limits, nout, _, _, _, by_size, last, offset, opened, closed, latency, _, _, _, info_at, version,
    _, _, life, hold = unpk(STATE, s)
  local t = call('TIME')
  local time = t[1] * 1000000 + t[2]
  local now = time + offset
  if now < last then now = last end
  local age = time - info_at
  if limits ~= 1 or flags < 2 or flags > 3 or named ~= life or age < 0 or age > INFO_AGE_MAX then return nil end
  local id, scope, kind, shadow, n, window, burst, guard, _, held_until = unpk(LIMIT, s,
    STATE_SIZE + 1 + by_size)
  if scope + kind + shadow > 0 or n > 256 or held_until > now then return nil end
  local interval, horizon = floor((window + n - 1) / n), window + guard
  local raws = #KEYS == 3 and {call('GET', KEYS[3])} or call('MGET', unpack(KEYS, 3))
  local reply = {struct.pack('<dddc40Hc8', now, closed, latency, life, nout, version), ''}
  if nout > 0 then return nil end
  local format = '<' .. string.rep('d', n)
  for a = 2, #ARGV do
    local i, units = unpk('<I4I4', ARGV[a])
    local raw, why, until_ = raws[i - 2], 1, now
    if units > n or i < 3 then return nil end
    if raw then
      local schema, rare, idle, logs, open, pos = unpk(KEY, raw)
      if schema ~= SCHEMA_NOW or rare ~= 0 or logs ~= 1 or idle <= now then return nil end
      local log, c, has_units, tat, counted
      log, c, has_units, tat, counted, pos = unpk(LOG, raw, pos + OPEN_SIZE * open)
      if log ~= id or has_units ~= 0 or counted ~= 0 or c > n then return nil end
      local at
      if c > n - units then at = {unpk(c == n and format or sub(format, 1, c + 1), raw, pos + SLOT_SIZE * c)} end
      local w, u = decide_listed(at, c, tat, n, burst, interval, horizon, hold, now, units)
      if w then why, until_ = w, u end
    end
    reply[a + 1] = struct.pack('<Bd', why, until_)
  end
  return reply
end

local lean = decide_lean()
if lean then return lean end
