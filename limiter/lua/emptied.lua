-- These lines are in the trail: the outbox need not keep them (limiter/script.cc). Of a message:
-- serial and kind of the line, which its record id is made of. Of the shard: the line's number.
local function empty_shard(edit)
  local kept, count, pos = '', 0, 1
  while pos <= #S.out do
    local size, number = unpk('<I4d', S.out, pos)
    if number ~= edit then kept, count = kept .. sub(S.out, pos, pos + size - 1), count + 1 end
    pos = pos + size
  end
  if count ~= S.nout then S.out, S.nout, S.dirty = kept, count, true end
end

-- What has ended, is in the trail, and awaits no outcome: the store only has to know its end.
local function keep_the_end_only(M)
  if M.stage ~= SETTLED or M.nout > 0 or M.given ~= '' then return end
  local hash, name, line_size = unpk('<Bc0Hc0I4', M.who)
  if line_size == 0 then return end
  M.who, M.dirty = who_of(hash, name, ''), true
end

local function empty_message(i, serial, kind)
  local M = message(i)
  if M == nil then return end
  local out, pos, kept, count = M.out, 1, '', 0
  while pos <= #out do
    local size, its_kind, its_serial = unpk('<I4BI4', out, pos)
    if size < LINE_SIZE then fail('CORRUPT ' .. KEYS[i]) end
    if its_serial ~= serial or its_kind ~= kind then
      kept, count = kept .. sub(out, pos, pos + size - 1), count + 1
    end
    pos = pos + size
  end
  if count ~= M.nout then M.out, M.nout, M.dirty = kept, count, true end
  keep_the_end_only(M)
  -- Sends made elsewhere: nobody will ever say Forget.
  if M.serial == 0 and M.nout == 0 and M.ended ~= '' and reason_of(M.ended) == 'consumed elsewhere' then
    M.purge, M.dirty = min(M.purge, now + S.record_min), true
  end
end

read_messages()
for a = 2, #ARGV do
  local i, serial, kind = unpk('<I4dB', ARGV[a])
  if i == 0 then empty_shard(serial) else empty_message(i, serial, kind) end
end
if S.dirty then write_state(S) end
write_messages()
return {head()}
