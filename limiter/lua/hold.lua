-- The key's, or the upstream's, hold by a person (limiter/script.cc). Of two words the later stands
-- (lib/wire/words.h).
-- Nobody says whether the clock is right: no key is idle that was not when somebody did.
now = S.last
read_records()
local i, closed, kind, until_, said, by = unpk('<I4BBddHc0', ARGV[2])
local K = edit_key(i)

local function is_later(hold)
  if hold.said ~= said then return hold.said > said end
  return until_ ~= 0 and (hold.until_ == 0 or hold.until_ > until_)
end

local kept, later, later_by, stands = {}, 0, '', false
for h = 1, K.holds and #K.holds or 0 do
  local hold = K.holds[h]
  -- A person who opens a key opens also what only a person can open.
  if hold.kind ~= kind and (closed == 1 or hold.until_ ~= 0) then
    kept[#kept + 1] = hold
  elseif is_later(hold) then
    kept[#kept + 1] = hold
    if hold.said > later then later, later_by = hold.said, hold.by end
    stands = stands or hold.kind == kind
  end
end
if closed == 1 and not stands then
  kept[#kept + 1] = {kind = kind, until_ = until_, said = said, by = by}
end
K.holds = #kept > 0 and kept
refresh_idle(i)
if S.dirty then write_state(S) end
write_keys()
local reply = {head()}
reply[3] = pack('<dHc0', later, #later_by, later_by)
return reply
