-- What every script of the store begins with: its arguments, the shard's state, store time and the
-- server's life (limiter/script.cc says the same in C++). Whole numbers of microseconds are doubles
-- below 2^53; lives, versions and hashes are opaque bytes. Nothing is written before everything
-- that a call touches was read and decoded.
local pack, unpk, sub, rep, find = struct.pack, struct.unpack, string.sub, string.rep, string.find
local floor, max, min = math.floor, math.max, math.min
local call = redis.call

local NEVER, MAX32 = 9007199254740992, 4294967295
-- Of records. A script works on its own and the previous one.
local SCHEMA_NOW, SCHEMA_OLDEST = 3, 2
local INFO_AGE_MAX = 100000  -- how long the server's life is believed
-- Idle keys stay in Redis so much longer than they need: limits may be made longer by so much before
-- an untouched record is missed (limits.lua). Redis deletes by its own clock, whatever that says for
-- a moment: what it is set forward by so much deletes no slot that counts. Messages have KEY_SLACK alone.
local KEY_SLACK, GLITCH_MAX = 600000000, 86400000000
local CHUNK = 200  -- at most so many values at once are on the stack

local function fail(text) error({err = text}) end

local function check_schema(s, name)
  local schema = string.byte(s, 1)
  if schema == nil then fail('CORRUPT ' .. name) end
  if schema < SCHEMA_OLDEST or schema > SCHEMA_NOW then
    fail('SCHEMA ' .. schema .. ' of ' .. name .. ' is not one of this script')
  end
end

-- ---- the shard's state ---------------------------------------------------------------------

-- Counts and sizes of what follows it come first. In memory what the size stands for takes its place.
--@S told_up has_up has_shadow lease schema limits nout limits_raw out by last offset opened closed latency keys_until keys_since stretched info_at version spans closed_by edits next_log life hold start timeout pause on_unknown attempts_max throttles_max penalty_max overlap close_max record_min record_max per_key in_flight clock_error edited tail dirty
--@l rate up lists horizon interval sub_window log scope kind shadow n window burst guard since held_until held name
local STATE = '<BHHI4I4Bdddddddddc8c8Bddc40ddddBdddddddddddd'
local STATE_SIZE = 288
local LIMIT = '<HBBBI4dI4dddI4Bc0'
-- The record ends with what decides where one limit is all there is, listed and of keys; zeros
-- otherwise: schema, life, log, n, burst, last, offset, info_at, held_until, interval, horizon, hold.
local LEAN, LEAN_SIZE = '<Bc40HI4I4ddddddd', 107

-- What a limit's numbers mean to the meter.
local function derive_limit(l)
  l.rate, l.up = l.kind == 0, l.scope == 1
  l.lists = l.n <= 256 and l.shadow == 0
  l.horizon = l.rate and l.window + l.guard or 0
  l.interval = floor((l.window + l.n - 1) / l.n)
  l.sub_window = max(1, floor(l.window / 64))
  return l
end

local function decode_limits(s, pos, count)
  local limits = {}
  for i = 1, count do
    local l = {false, false, false, 0, 0, 0, unpk(LIMIT, s, pos)}
    pos = l[19]
    limits[i] = derive_limit(l)
  end
  return limits, pos
end

local function encode_limits(limits)
  local s = ''
  for i = 1, #limits do
    local l = limits[i]
    s = s .. pack(LIMIT, l.log, l.scope, l.kind, l.shadow, l.n, l.window, l.burst, l.guard, l.since,
                  l.held_until, l.held, #l.name, l.name)
  end
  return s
end

local function decode_state(s)
  check_schema(s, KEYS[1])
  if #s < STATE_SIZE + 2 then fail('CORRUPT ' .. KEYS[1]) end
  local lives = 0
  if string.byte(s, 1) == 2 then  -- it had a list of lives of callers, and how many
    lives = 8 * unpk('<H', s, 6)
    s = sub(s, 1, 5) .. sub(s, 8)
  end
  local S = {true, false, false, 0, unpk(STATE, s)}
  local nlimits = S.limits
  local limits_at = STATE_SIZE + S.by
  local out_at = limits_at + S.limits_raw
  if #s ~= out_at + S.out + lives + LEAN_SIZE then fail('CORRUPT ' .. KEYS[1]) end
  S.by = sub(s, STATE_SIZE + 1, limits_at)
  S.limits_raw = sub(s, limits_at + 1, out_at)
  S.out = sub(s, out_at + 1, out_at + S.out)
  S.limits = decode_limits(s, limits_at + 1, nlimits)
  S.lease = S.start + S.timeout + S.pause
  S.dirty = false
  for i = 1, nlimits do
    local l = S.limits[i]
    if l.rate and l.shadow == 0 and not l.up then S.told_up = false end
    if l.up then S.has_up = true end
    if l.shadow == 1 then S.has_shadow = true end
  end
  return S
end

local function lean_of(S)
  local l = S.limits[1]
  if #S.limits ~= 1 or not l.rate or not l.lists or l.up then return rep('\0', LEAN_SIZE) end
  return pack(LEAN, SCHEMA_NOW, S.life, l.log, l.n, l.burst, S.last, S.offset, S.info_at, l.held_until,
              l.interval, l.horizon, S.hold)
end

local function write_state(S)
  local limits = S.limits_raw or encode_limits(S.limits)
  call('SET', KEYS[1], pack(STATE, SCHEMA_NOW, #S.limits, S.nout, #limits, #S.out, #S.by, unpack(S, 11, 42))
    .. S.by .. limits .. S.out .. lean_of(S))
end

-- ---- the call's first argument: who asks, and what it knows ---------------------------------

-- flags: 1 a shard without a state is new, 2 the connection names a life, 4 there is a caller, 8 it has
-- found the clock off for a while.
local ask_flags, ask_life, caller_life, caller_low, caller_high, ask_by, caller_version, nkeys, ask_spans =
  unpk('<Bc40c8dddc8I4c8', ARGV[1])
local any = pack('<d', 0)  -- eight zeros: no version
local is_fresh = ask_flags % 2 == 1
local names_life = floor(ask_flags / 2) % 2 == 1
local has_caller = floor(ask_flags / 4) % 2 == 1
local doubted = floor(ask_flags / 8) % 2 == 1

local clock = call('TIME')
local time = clock[1] * 1000000 + clock[2]
-- Store time, what the caller is told that it is, and when what lasts so long from now on begins
-- (Scene in limiter/script_parts.h).
local S, now, heard, from, unsure, life_read

-- A replica that may be written to has the life of its primary. A primary that was stopped believes
-- for a moment that its replicas are still there, of which one may rule by now: what counts as good is
-- compared with when each was heard last. What a server has evicted it has forgotten: with each key more
-- its life is another one.
local function read_life()
  local info = redis.pcall('INFO', 'replication', 'stats')
  if type(info) ~= 'string' then fail('NOLIFE the user may not run INFO (ACL: +info)') end
  local life = string.match(info, 'master_replid:(%x+)')
  if life == nil or #life ~= 40 then fail('NOLIFE INFO replication names no master_replid') end
  if not string.find(info, 'role:master', 1, true) then fail('READONLY this server is a replica') end
  local good = tonumber(string.match(info, 'min_slaves_good_slaves:(%d+)') or 0)
  local lag_max = max(S.overlap, 3000000) / 1000000
  for lag in string.gmatch(info, 'state=online,offset=%d+,lag=(%d+)') do
    if tonumber(lag) <= lag_max then good = good - 1 end
  end
  if good > 0 then fail('NOREPLICAS the replicas said nothing for longer than store_overlap') end
  local evicted = string.match(info, 'evicted_keys:(%d+)')
  if evicted and evicted ~= '0' then life = redis.sha1hex(life .. evicted) end
  life_read = life
  S.info_at, S.dirty = time, true
  return life
end

-- The longest window that a closure waits for.
local function closing_window(limits)
  local window = 0
  for i = 1, #limits do
    local l = limits[i]
    if l.rate and l.shadow == 0 then window = max(window, min(l.window, S.close_max)) end
  end
  return window
end

-- Why the shard was closed (ClosedBy in limiter/store.h).
local BY_FIRST, BY_LIFE, BY_BACK, BY_CONTRADICTION, BY_SPANS = 1, 2, 3, 4, 5

-- Lines of the shard's own that nobody has taken; what stands for the number of limits in one of a
-- closure.
local OWN_LINES_MAX, OF_CLOSURE = 64, 65535

-- Nothing is granted until whatever may have been forgotten of what was granted before `since` has
-- arrived, and W has passed. `ruling`: the limits that are to hold from now on.
local function close(ruling, why, since)
  local guard = 0
  for i = 1, #ruling do
    local l = ruling[i]
    guard = max(guard, l.guard)
  end
  local quiet = max(since + S.lease + S.hold, S.tail) + S.overlap
  local until_ = quiet + closing_window(ruling) + guard
  if until_ > now and until_ > S.closed then
    -- It is news once: not that for the same reason it becomes longer.
    if S.closed <= now or S.closed_by ~= why then
      S.edits, S.nout = S.edits + 1, S.nout + 1
      S.out = S.out .. pack('<I4ddc8c8HHdB', 49, S.edits, now, any, any, OF_CLOSURE, 9, until_, why)
      if S.nout > OWN_LINES_MAX then
        S.out, S.nout = sub(S.out, unpk('<I4', S.out) + 1), S.nout - 1
      end
    end
    S.closed, S.closed_by = until_, why
  end
  for i = 1, #S.limits do
    local l = S.limits[i]
    if quiet + l.horizon > now then
      l.held = MAX32
      l.held_until = max(l.held_until, quiet + l.horizon)
    end
  end
  S.limits_raw, S.dirty = false, true
end

-- Another life than the shard's last: whatever this store says, it may have forgotten.
local function meet_life(life, ruling, why)
  if S.life == life then return end
  S.life, S.opened = life, now
  close(ruling, why, now)
end

-- A closure must be of the life that the server has now.
local function sure_of_life()
  if life_read == nil then meet_life(read_life(), S.limits, BY_LIFE) end
end

local function is_off(at) return at + S.clock_error < caller_low or at > caller_high + S.clock_error end

-- Compares the clock with what the caller knows. While they do not agree nothing is granted, and
-- store time goes no further than the caller knows that it is.
local function meet_caller()
  unsure = true
  if caller_high == 0 and not doubted then return end
  local right = max(caller_low, min(caller_high, time))
  if S.offset ~= 0 and is_off(now) and not is_off(time) and not is_off(max(S.last, right)) then
    S.offset = right - time
    now = max(S.last, right)
  end
  heard = now
  if doubted and (now < caller_low or now > caller_high) then
    sure_of_life()
    local why = now < caller_low and BY_BACK or BY_CONTRADICTION
    if caller_high ~= 0 and is_off(now) then
      S.offset = caller_low - time
      now = max(S.last, caller_low)
      heard = now
    end
    close(S.limits, why, now)
  elseif is_off(now) then
    now = max(S.last, min(now, caller_high))
  else
    unsure = false
  end
  S.last, from = now, unsure and max(now, caller_high) or now
  S.dirty = true
end

-- The state, store time, life and caller of every call but SetLimits.
local function begin()
  local raw = call('GET', KEYS[1])
  if not raw then fail('UNSET the shard has no limits yet') end
  S = decode_state(raw)
  if ask_spans ~= S.spans and ask_spans ~= any then fail('SPANS the shard rules by others') end
  now = max(S.last, time + S.offset)
  heard, from = now, now
  local age = time - S.info_at
  if not names_life or ask_life ~= S.life or age < 0 or age > INFO_AGE_MAX then
    meet_life(read_life(), S.limits, BY_LIFE)
  end
  if has_caller then meet_caller() end
end

-- Milliseconds until store time is `at`, and no fewer, by Redis's own clock: store time may stand
-- still while that one catches up.
local function ttl_of(at)
  local span = max(1, at - time - S.offset) + 999
  return (span - span % 1000) / 1000
end

-- The same as text, which Redis need not format; most writes of a call are for one time.
local ttl_at, ttl_text
local function ttl_text_of(at)
  if at ~= ttl_at then ttl_at, ttl_text = at, string.format('%d', ttl_of(at)) end
  return ttl_text
end

-- The first two parts of every reply.
local function head()
  return pack('<dddc40Hc8c8Bd', heard, S.closed, S.latency, S.life, S.nout, S.version, S.spans,
              S.closed_by, heard - time), S.out
end

-- Whether an edit came too late; the limits that hold, and who said so last.
local function say_limits(stale)
  return pack('<BdHBc0', stale, S.edited, #S.limits, #S.by, S.by) .. (S.limits_raw or encode_limits(S.limits))
end
