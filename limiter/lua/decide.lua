-- The meter alone: may so many units of this key go, as far as limits are concerned? The second
-- argument has each question, a key's place and units; the reply each answer, why not (1: it may go)
-- and until when. Changes nothing but what it meets: a new life.
local raws = call('MGET', unpack(KEYS, 2))
for k = 1, #raws do keys[k + 1] = raws[k] and decode_key(raws[k], KEYS[k + 1]) end

local function limited(i, units)
  local why, until_
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.shadow == 0 then
      if units > l.n then return IN_FLIGHT, NEVER end
      local L, T = log_of(l, li, i), tightened_of(l, i)
      local w, u
      if T then w, u = decide_tightened(l, L, T, units) else w, u = decide_plain(l, L, units) end
      if w and (why == nil or until_ < u) then why, until_ = w, u end
    end
  end
  return why, until_
end

local answers = ''
for from = 1, #ARGV[2], 8 do
  local why, until_ = limited(unpk('<I4I4', ARGV[2], from))
  answers = answers .. pack('<Bd', why or 1, until_ or now)
end
if S.dirty then write_state(S) end
return answers
