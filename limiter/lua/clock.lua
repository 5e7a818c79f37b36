-- What time is it, is the shard open, and what are its limits?
local reply = {head()}
reply[3] = say_limits(0)
if S.dirty then write_state(S) end
return reply
