-- What time is it, is the shard open, and what are its limits?
local reply = {head()}
reply[3] = S.version .. pack('<dHBc0', S.edits, #S.limits, #S.by, S.by)
  .. (S.limits_raw or encode_limits(S.limits))
if S.dirty then write_state(S) end
return reply
