-- Messages' records: KEYS[3 + nkeys] and on. `who` is content hash, key and the line that the trail will
-- say of the message, each with its length; the line is opaque here. A line of the outbox is a packed
-- delta to it.
--@M schema given ended late out nout stage keep serial attempts throttles cost granted start_by lease_end limiter dispatcher due expires purge who dirty
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

local function is_of_key(who, name)
  local size, at = unpk('<H', who, string.byte(who, 1) + 2)
  return size == #name and find(who, name, at, true) == at
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
        call('SET', KEYS[i], encode_message(M), 'PX', ttl_text_of(M.purge + KEY_SLACK))
      end
    end
  end
end

local function attempt_id(i, serial) return sub(KEYS[i], identity_from) .. pack('<I4', serial) end

-- A line: length, kind, serial, which members it sets (lines.lua), at, attempts, units; granted_at,
-- lives; ended; status; started_at; completed_at; until; settlement; limits_version; reason. What
-- follows (OWN): hash, key and blob of the message as it was then, when its record has others now.
local LINE, LINE_SIZE = '<I4BI4HdI4I4dc8c8BI4dddBc8Hc0', 91

local function reason_of(ended)
  local size = unpk('<H', ended, 18)
  return sub(ended, 20, 19 + size)
end

-- ---- reading everything before anything is written ------------------------------------------

-- The records from KEYS[first] on: decode(i, its bytes, its name) for each that there is.
local function read_all(first, decode)
  local none = {}
  local at
  local function decode_all(raws, from)
    for k = 1, #raws do
      local i = from + k - 1
      at = KEYS[i]
      if raws[k] then decode(i, raws[k], at) else none[#none + 1] = at end
    end
  end
  for i = nkeys + 3, #KEYS do
    if #KEYS[i] ~= identity_from + 15 then fail('ARGS an identity has 16 bytes') end
  end
  for from = first, #KEYS, CHUNK do
    local raws = call('MGET', unpack(KEYS, from, min(from + CHUNK - 1, #KEYS)))
    local good, problem = pcall(decode_all, raws, from)
    if not good then
      -- Redis's pcall makes of an error that we raised its text.
      if find(problem, '^SCHEMA ') then fail(problem) end
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

local function read_messages()
  read_all(3, function(i, raw, name) messages[i] = decode_message(raw, name) end)
end
