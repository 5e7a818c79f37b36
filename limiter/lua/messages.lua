-- Messages' records: KEYS[3 + nkeys] and on. `who` is content hash, key and the line that the trail will
-- say of the message, each with its length; the line is opaque here. A line of the outbox is a packed
-- delta to it.
--@M schema given ended late out nout stage keep serial attempts throttles cost granted start_by lease_end limiter dispatcher due expires purge who dirty
local S, now, pack, unpk, sub, call, max, min, floor = S, now, pack, unpk, sub, call, max, min, floor
local MESSAGE, MESSAGE_SIZE = '<BHI4HI4HBBI4I4I4I4dddc8c8dddI4', 101
local WHOLE_MESSAGE = '<BHI4HI4HBBI4I4I4I4dddc8c8dddI4c0c0c0c0c0'
local WAITING, UNDERWAY, SETTLED = 0, 1, 2
local no_life = rep('\0', 8)
local nobody = rep('\0', 7)  -- no hash, no key, no line

local messages = {}
local identity_from = #KEYS[1] + 4  -- '{sluice:UP}' .. ':m:' .. identity

local function new_message()
  return {SCHEMA_NOW, '', '', '', '', 0, WAITING, 0, 0, 0, 0, 1, 0, 0, 0, no_life, no_life, 0, 0, 0,
          nobody, false}
end

local function who_of(hash, name, blob)
  return pack('<Bc0Hc0I4c0', #hash, hash, #name, name, #blob, blob)
end

-- Hash and key of whom.
local function hash_and_key(who)
  local hash, name = unpk('<Bc0Hc0', who)
  return hash, name
end

-- Sizes come first, and what they stand for takes their place in memory.
local function decode_message(s, name)
  check_schema(s, name)
  if #s < MESSAGE_SIZE then fail('CORRUPT ' .. name) end
  local M = {unpk(MESSAGE, s)}
  M.dirty = false
  local given_at = MESSAGE_SIZE + M.who
  local rest = M.given + M.ended + M.late + M.out
  if #s ~= given_at + rest then fail('CORRUPT ' .. name) end
  M.who = sub(s, MESSAGE_SIZE + 1, given_at)
  if rest == 0 then
    M.given, M.ended, M.late, M.out = '', '', '', ''
    return M
  end
  local ended_at = given_at + M.given
  local late_at = ended_at + M.ended
  local out_at = late_at + M.late
  M.given = sub(s, given_at + 1, ended_at)
  M.ended = sub(s, ended_at + 1, late_at)
  M.late = sub(s, late_at + 1, out_at)
  M.out = sub(s, out_at + 1)
  return M
end

local function encode_message(M)
  return pack(WHOLE_MESSAGE, SCHEMA_NOW, #M.given, #M.ended, #M.late, #M.out, M.nout, M.stage, M.keep,
              M.serial, M.attempts, M.throttles, M.cost, M.granted, M.start_by, M.lease_end, M.limiter,
              M.dispatcher, M.due, M.expires, M.purge, #M.who, M.who, M.given, M.ended, M.late, M.out)
end

local function message(i)
  local M = messages[i]
  if M and M.purge <= now then return nil end
  return M or nil
end

local function edit_message(i)
  local M = message(i)
  if M == nil then
    M = new_message()
    M.purge = now + S.record_max
    messages[i] = M
  end
  M.dirty = true
  return M
end

local function write_messages()
  for i = nkeys + 3, #KEYS do
    local M = messages[i]
    if M and M.dirty then
      if M.purge <= now then
        call('DEL', KEYS[i])
      else
        call('SET', KEYS[i], encode_message(M), 'PX', ttl_of(M.purge))
      end
    end
  end
end

local function attempt_id(i, serial) return sub(KEYS[i], identity_from) .. pack('<I4', serial) end

-- ---- ends and lines --------------------------------------------------------------------------

local DELIVERED, DEAD, EXPIRED, CANCELLED = 1, 2, 3, 4

local function end_of(settlement, reason, status, attempts, answer)
  return pack('<BI4I4dHc0I4c0', settlement, status, attempts, now, #reason, reason, #answer, answer)
end

local function settlement_of(ended) return string.byte(ended, 1) end
local function reason_of(ended)
  local size = unpk('<H', ended, 18)
  return sub(ended, 20, 19 + size)
end

-- A line: length, kind, serial, which members it sets (below), at, attempts, units; granted_at,
-- lives; ended; status; started_at; completed_at; until; settlement; limits_version; reason. What
-- follows (OWN): hash, key and blob of the message as it was then, when its record has others now.
local LINE, LINE_SIZE = '<I4BI4HdI4I4dc8c8BI4dddBc8Hc0', 91
local GRANTED, ENDED, STARTED, COMPLETED, UNTIL, SETTLES, VERSION, REASON, OWN =
  1, 2, 4, 8, 16, 32, 64, 128, 256
local ATTEMPT, SETTLEMENT, LATE_LINE, HOLD, CONSUME_LINE = 1, 2, 3, 4, 6

local function line_of(M, kind, serial, sets, ended, status, started, completed, until_, settlement,
                       version, reason)
  return pack(LINE, LINE_SIZE + #reason, kind, serial, sets, now, M.attempts, M.cost, M.granted,
              M.limiter, M.dispatcher, ended, status, started, completed, until_, settlement, version,
              #reason, reason)
end

local function say(M, line)
  M.out = M.nout == 0 and line or M.out .. line
  M.nout = M.nout + 1
end

local function settle(M, ended)
  M.stage = SETTLED
  M.ended = ended
end

-- Calls visit(line, serial, kind, sets) for each line of an outbox.
local function each_line(out, visit)
  local pos = 1
  while pos <= #out do
    local size, kind, serial, sets = unpk('<I4BI4H', out, pos)
    if size < LINE_SIZE then fail('CORRUPT a line of an outbox') end
    visit(sub(out, pos, pos + size - 1), serial, kind, sets)
    pos = pos + size
  end
end

-- The message is to be another from now on: what was said of it stays as it was said.
local function keep_lines_as_said(M)
  local own = M.who
  local lines = {}
  each_line(M.out, function(line, serial, kind, sets)
    if floor(sets / OWN) % 2 == 0 then
      line = pack('<I4BI4H', #line + #own, kind, serial, sets + OWN) .. sub(line, 12) .. own
    end
    lines[#lines + 1] = line
  end)
  M.out = table.concat(lines)
end

-- What of the message is not known to be in the trail.
local function outbox_of(M)
  if M.nout == 0 then return '\0\0' end
  return pack('<Hc0c0', M.nout, M.who, M.out)
end

-- Why the message must not be tried again; nil: it may.
local function exhausted(attempts, throttles)
  if throttles >= S.throttles_max then return 'throttles' end
  if attempts - (attempts < throttles and attempts or throttles) >= S.attempts_max then return 'attempts' end
end

local function keep_until(M)
  if M.stage == SETTLED then return now + S.record_max end
  local latest = M.expires > M.lease_end and M.expires or M.lease_end
  return (latest > now and latest or now) + S.record_max
end

-- ---- reading everything before anything is written ------------------------------------------

local function read_records()
  local none = {}
  local at
  local function decode_all(raws, from)
    for k = 1, #raws do
      local i = from + k - 1
      at = KEYS[i]
      if not raws[k] then
        none[#none + 1] = at
      elseif i <= nkeys + 2 then
        keys[i] = decode_key(raws[k], at)
      else
        messages[i] = decode_message(raws[k], at)
      end
    end
  end
  for i = nkeys + 3, #KEYS do
    if #KEYS[i] ~= identity_from + 15 then fail('ARGS an identity has 16 bytes') end
  end
  for from = 2, #KEYS, CHUNK do
    local raws = call('MGET', unpack(KEYS, from, min(from + CHUNK - 1, #KEYS)))
    local good, problem = pcall(decode_all, raws, from)
    if not good then
      -- Redis's pcall makes of an error that we raised its text.
      if string.find(problem, '^SCHEMA ') then fail(problem) end
      fail('CORRUPT ' .. at)
    end
  end
  -- MGET says nothing of keys of other types.
  for from = 1, #none, CHUNK do
    if call('EXISTS', unpack(none, from, min(from + CHUNK - 1, #none))) > 0 then
      fail('WRONGTYPE among ' .. KEYS[1] .. "'s records is one of another type")
    end
  end
end
