-- The meter alone: may so many units of this key go, as far as limits are concerned? Arguments are
-- pairs of a key's place and units; with a take (an id of 20 bytes) the slots are taken if it may,
-- and count as completed now. An answer is why not (1: it may go) and until when.
begin()
local raws = call('MGET', unpack(KEYS, 2))
for k = 1, #raws do
  keys[k + 1] = raws[k] and decode_key(raws[k], KEYS[k + 1])
end

local function limited(i, units)
  local why, until_
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    if l.shadow == 0 then
      if units > l.n then return IN_FLIGHT, NEVER end
      local L, T = log_of(li, i), tightened_of(l, i)
      local w, u
      if T then w, u = decide_tightened(l, L, T, units) else w, u = decide_plain(l, L, units) end
      if w and (why == nil or until_ < u) then why, until_ = w, u end
    end
  end
  return why, until_
end

local function take(i, units, id)
  for li = 1, #S.limits do
    local l, L = S.limits[li], edit_log(li, i)
    prune(L, l)
    take_slot(L, l, id, units, now)
    complete_slot(L, l, id, units, now)
    if l.up then refresh_idle(2) end
  end
  refresh_idle(i)
end

local reply = {head()}
for a = 2, #ARGV do
  local i, units, takes = unpk('<HI4B', ARGV[a])
  local why, until_ = limited(i, units)
  if why == nil and takes == 1 then take(i, units, sub(ARGV[a], 8, 27)) end
  reply[a + 1] = pack('<Bd', why or 1, until_ or now)
end
if S.dirty then write_state(S) end
write_keys()
return reply
