-- The leanest way to a decision: one limit, listed and of keys, held no tighter than its settings, and
-- keys about which nothing unusual is known. It reads the end of the shard's record and, of a key that
-- is alone, the beginning. Whatever else is met is left to the script proper (decide.lua), whose
-- functions are made after this alone has failed: making them costs more than deciding.
repeat
  local call, unpk, KEYS = redis.call, struct.unpack, KEYS
  local s, asked = call('GETRANGE', KEYS[1], '-LEAN_SIZE', '-1'), ARGV[2]
  if #s ~= LEAN_SIZE then break end
  local schema, life, id, n, burst, last, offset, info_at, held_until, interval, horizon, hold = unpk(LEAN, s)
  if schema ~= SCHEMA_NOW or string.find(ARGV[1], life, 2, true) ~= 2 then break end
  local t = call('TIME')
  local time = t[1] * 1000000 + t[2]
  local now = time + offset
  if now < last then now = last end
  local age = time - info_at
  if age < 0 or age > INFO_AGE_MAX or held_until > now then break end
  if #KEYS < 3 then break end
  local raws, raw
  if #KEYS > 3 then
    raws = call('MGET', unpack(KEYS, 3))
  else
    raw = call('GETRANGE', KEYS[3], '0', n <= 10 and '111' or n <= 64 and '543' or '2079')
  end
  local answers, count = nil, #asked / 8
  for a = 1, count do
    local i, units = unpk('<I4I4', asked, 8 * a - 7)
    if units > n or i < 3 then break end
    if raws then raw = raws[i - 2] end
    local why, until_
    if raw and raw ~= '' then
      if #raw < 32 then break end
      local its, rare, idle, logs, _, log, c, has_units, tat, counted, at = unpk('<BBdBI4HI4BdH', raw)
      if its ~= SCHEMA_NOW or rare + has_units + counted > 0 or logs ~= 1 or log ~= id or idle <= now
        or c > n then
        break
      end
      if c > n - units then
        at = {unpk(c <= 16 and string.sub('<dddddddddddddddd', 1, c + 1) or '<' .. string.rep('d', c), raw, at)}
      end
      why, until_ = decide_listed(at, c, tat, n, burst, interval, horizon, hold, now, units)
    end
    local answer = struct.pack('<Bd', why or 1, until_ or now)
    if count == 1 then return answer end
    answers = answers or {}
    answers[a] = answer
  end
  if answers and #answers == count then return table.concat(answers) end
until true
