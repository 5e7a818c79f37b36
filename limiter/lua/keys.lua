-- Keys' records: KEYS[2] is the upstream's own, KEYS[3] to KEYS[2 + nkeys] those of keys. In memory a
-- log stands at LOGS + its limit's place in S.limits; `open` is packed: identity, serial, lease end.
-- What decides comes first in a record: KEY, then RARE if there is any, then logs, each with its times
-- before its identities, then `open` (decide_lean.lua reads no more than it needs).
--@K idle nopen open penalties penalised reopened told_at told_until told_left holds dirty
local LOGS = 11
local KEY, KEY_SIZE = '<BBdBI4', 15
local RARE, RARE_SIZE = '<I4ddddI4B', 41
local LOG, LOG_SIZE = '<HI4BdH', 17
local OPEN_SIZE = 28

local keys = {}
local key_prefix = #KEYS[1] + 4  -- '{sluice:UP}' .. ':k:' .. key

local function read_log(s, pos)
  local id, c, has_units, tat, cc, at = unpk(LOG, s, pos)
  local ids = at + 8 * c
  pos = ids + SLOT_SIZE * c
  local L = {c, read_column(s, at, c, 'd', 8), false, sub(s, ids, pos - 1), tat, cc, false, false}
  if has_units == 1 then
    L.un = read_column(s, pos, c, 'I4', 4)
    pos = pos + 4 * c
  end
  if cc > 0 then
    L.ce = read_column(s, pos, cc, 'd', 8)
    L.cu = read_column(s, pos + 8 * cc, cc, 'I4', 4)
    pos = pos + 12 * cc
  end
  return id, L, pos
end

local function write_log(id, L)
  local s = pack(LOG, id, L.c, L.un and 1 or 0, L.tat, L.cc) .. write_column(L.at, L.c, 'd') .. L.ids
  if L.un then s = s .. write_column(L.un, L.c, 'I4') end
  if L.cc > 0 then s = s .. write_column(L.ce, L.cc, 'd') .. write_column(L.cu, L.cc, 'I4') end
  return s
end

local function new_key()
  return {NEVER, 0, '', 0, 0, 0, 0, 0, 0, false, false, false, false}
end

-- Of most keys: nothing rare, one log of slots of one unit each.
local COMMON, COMMON_SIZE = '<BBdBI4HI4BdH', 32

-- nil: it has more, or is damaged.
local function decode_common(s)
  if #s < COMMON_SIZE or #S.limits ~= 1 then return nil end
  local schema, rare, idle, nlogs, nopen, id, c, has_units, tat, cc, at = unpk(COMMON, s)
  local ids = at + 8 * c
  local open = ids + SLOT_SIZE * c
  if schema ~= SCHEMA_NOW or rare + has_units + cc > 0 or nlogs ~= 1 or id ~= S.limits[1].log or c > CHUNK
    or open + OPEN_SIZE * nopen ~= #s + 1 then
    return nil
  end
  local column = {unpk(format_of('d', c), s, at)}
  column[c + 1] = nil
  return {idle, nopen, sub(s, open), 0, 0, 0, 0, 0, 0, false, false,
          {c, column, false, sub(s, ids, open - 1), tat, 0, false, false}, false}
end

local function decode_key(s, name)
  local common = decode_common(s)
  if common then return common end
  check_schema(s, name)
  if #s < KEY_SIZE then fail('CORRUPT ' .. name) end
  local _, rare, idle, nlogs, nopen = unpk(KEY, s)
  local K = {idle, nopen, '', 0, 0, 0, 0, 0, 0, false, false, false, false}
  local pos = KEY_SIZE + 1
  if rare == 1 then
    local nholds
    K.penalties, K.penalised, K.reopened, K.told_at, K.told_until, K.told_left, nholds, pos =
      unpk(RARE, s, pos)
    if nholds > 0 then K.holds = {} end
    for i = 1, nholds do
      local kind, until_, said, by
      kind, until_, said, by, pos = unpk('<BddHc0', s, pos)
      K.holds[i] = {kind = kind, until_ = until_, said = said, by = by}
    end
  end
  for _ = 1, nlogs do
    local id, L
    id, L, pos = read_log(s, pos)
    for li = 1, #S.limits do
      local l = S.limits[li]
      if l.log == id then K[LOGS + li] = L end
    end
  end
  if pos + OPEN_SIZE * nopen ~= #s + 1 then fail('CORRUPT ' .. name) end
  if nopen > 0 then K.open = sub(s, pos) end
  return K
end

local common = {}
local function encode_common(K, l, L)
  local c = L.c
  local format = common[c]
  if format == nil then
    format = COMMON .. rep('d', c)
    common[c] = format
  end
  return pack(format, SCHEMA_NOW, 0, K.idle, 1, K.nopen, l.log, c, 0, L.tat, 0, unpack(L.at, 1, c))
    .. L.ids .. K.open
end

local function encode_key(K)
  local holds = K.holds
  local is_rare = K.penalties > 0 or K.penalised ~= 0 or K.reopened ~= 0 or K.told_at ~= 0 or holds
  if not is_rare and #S.limits == 1 then
    local l, L = S.limits[1], K[LOGS + 1]
    if L and not L.un and L.cc == 0 and L.c <= CHUNK then return encode_common(K, l, L) end
  end
  local rare = ''
  if is_rare then
    local nholds = holds and #holds or 0
    rare = pack(RARE, K.penalties, K.penalised, K.reopened, K.told_at, K.told_until, K.told_left,
                nholds)
    for i = 1, nholds do
      local hold = holds[i]
      rare = rare .. pack('<BddHc0', hold.kind, hold.until_, hold.said, #hold.by, hold.by)
    end
  end
  local logs, nlogs = '', 0
  for li = 1, #S.limits do
    local l, L = S.limits[li], K[LOGS + li]
    if L then
      logs = logs .. write_log(l.log, L)
      nlogs = nlogs + 1
    end
  end
  return pack(KEY, SCHEMA_NOW, is_rare and 1 or 0, K.idle, nlogs, K.nopen) .. rare .. logs .. K.open
end

-- What is past its time is never seen, whether Redis still has it or not. While limits that were
-- made longer need it, it is kept, unless it was past its time before that, and as long as Redis has
-- it for certain (what is longer starts full).
local function is_over(idle)
  return idle <= now and (S.keys_until <= now or idle <= S.keys_since or idle + KEY_SLACK <= now)
end

local function key(i)
  local K = keys[i]
  if K and K.idle <= now and is_over(K.idle) then return nil end
  return K or nil
end

local function edit_key(i)
  local K = key(i)
  if K == nil then
    K = new_key()
    keys[i] = K
  end
  K.dirty = true
  return K
end

local function log_of(l, li, i)
  local K = key(l.up and 2 or i)
  return K and K[LOGS + li]
end

local function edit_log(l, li, i)
  local K = edit_key(l.up and 2 or i)
  local L = K[LOGS + li]
  if not L then
    L = new_log()
    K[LOGS + li] = L
  end
  return L
end

local function tightened_of(l, i)
  local K = not l.up and keys[i] and key(i)
  if K then return tightened(l, K.penalties, K.reopened) end
  return tightened(l, 0, 0)
end

-- To be called after every edit of a key's record: from when on it says nothing.
local function refresh_idle(i)
  local K = edit_key(i)
  local idle = K.told_until
  if idle < now then idle = now end
  local holds = K.holds
  if holds then
    for h = #holds, 1, -1 do
      local until_ = holds[h].until_
      if until_ ~= 0 and until_ <= now then table.remove(holds, h) end
    end
    if #holds == 0 then K.holds = false end
  end
  local reopened, hold = now, S.hold
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    if K.reopened ~= 0 then reopened = max(reopened, reopened_wholly(l, K.reopened)) end
    local L = K[LOGS + li]
    if L then
      local latest, at = 0, L.at
      for k = 1, L.c do
        local a = at[k]
        if a < 0 then a = -a end
        if a > latest then latest = a end
      end
      if L.c > 0 then
        latest = latest + hold + l.horizon
        if latest > idle then idle = latest end
      end
      if L.cc > 0 then idle = max(idle, L.ce[L.cc] + l.horizon) end
      if L.tat > idle then idle = L.tat end
    end
  end
  if K.reopened ~= 0 and reopened > now then idle = max(idle, reopened) end
  local open = K.open
  for k = 1, K.nopen do
    local lease_end = unpk('<d', open, OPEN_SIZE * k - 7)
    if lease_end > idle then idle = lease_end end
  end
  if K.holds then
    for h = 1, #K.holds do
      local until_ = K.holds[h].until_
      idle = max(idle, until_ == 0 and NEVER or until_)
    end
  end
  -- The next penalty doubles only while the last one is remembered.
  if K.penalties > 0 and idle < NEVER then idle = idle + S.penalty_max end
  K.idle = idle
end

local function write_keys()
  for i = 2, nkeys + 2 do
    local K = keys[i]
    if K and K.dirty then
      local last = K.idle > S.keys_until and K.idle or S.keys_until
      if last <= now then
        call('DEL', KEYS[i])
      elseif last >= NEVER then
        call('SET', KEYS[i], encode_key(K))
      else
        call('SET', KEYS[i], encode_key(K), 'PX', ttl_text_of(last + (KEY_SLACK + GLITCH_MAX)))
      end
    end
  end
end

-- ---- questions of a key ---------------------------------------------------------------------

-- When the key opens after the shard's closure; 0: it was never closed.
local function opens_at(i)
  if S.closed == 0 then return 0 end
  local window = closing_window(S.limits)
  if S.closed + window <= now then return now end  -- whatever its place is
  -- Spread over 0..4095, keys that differ in their last byte too. Every product is below 2^53.
  local name, hash = sub(KEYS[i], key_prefix), 7
  for k = 1, #name do hash = (hash * 65599 + string.byte(name, k)) % 2147483647 end
  return S.closed + floor(window / 4096) * (hash * 48271 % 2147483647 % 4096)
end

-- n * latency / whole, rounded up; exact where the product is not.
local function scaled_up(n, latency, whole)
  if n * latency < NEVER - whole then return floor((n * latency + whole - 1) / whole) end
  local quotient, left = 0, 0
  for bit = 31, 0, -1 do
    quotient, left = quotient * 2, left * 2
    if floor(n / 2 ^ bit) % 2 == 1 then left = left + latency end
    quotient, left = quotient + floor(left / whole), left % whole
  end
  return left > 0 and quotient + 1 or quotient
end

-- How many attempts of one key may be under way (limiter/in_flight.cc).
local function in_flight(K)
  if K and K.penalties > 0 then return 1 end
  if S.per_key ~= 0 then return S.per_key end
  local most = NEVER
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.rate and l.shadow == 0 then
      most = min(most, scaled_up(l.n, S.latency, l.window + l.guard + S.latency))
    end
  end
  if most == NEVER then most = S.in_flight end
  return max(1, most)
end

-- Whose record keeps what the upstream's answers say is left.
local function told_owner(i) return S.told_up and 2 or i end
