-- The key's, or the upstream's, hold by a person (limiter/script.cc).
read_records()
local i, closed, kind, until_, by = unpk('<I4BBdHc0', ARGV[2])
local K = edit_key(i)
local kept = {}
for h = 1, K.holds and #K.holds or 0 do
  local hold = K.holds[h]
  -- A person who opens a key opens also what only a person can open.
  if hold.kind ~= kind and (closed == 1 or hold.until_ ~= 0) then kept[#kept + 1] = hold end
end
if closed == 1 then kept[#kept + 1] = {kind = kind, until_ = until_, by = by} end
K.holds = #kept > 0 and kept
refresh_idle(i)
if S.dirty then write_state(S) end
write_keys()
return {head()}
