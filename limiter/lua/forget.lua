-- Row or queue copy is gone: the records may go after record_min. What has not ended is not
-- forgotten, whoever says so (limiter/script.cc).
read_messages()
local until_ = now + S.record_min
for i = nkeys + 3, #KEYS do
  local M = message(i)
  if M and M.stage == SETTLED and M.purge > until_ then
    M.purge, M.dirty = until_, true
    local reason_size = unpk('<H', M.ended, 18)
    local answer_at = 20 + reason_size
    M.ended = sub(M.ended, 1, answer_at - 1) .. '\0\0\0\0'
  end
end
if S.dirty then write_state(S) end
write_messages()
return {head()}
