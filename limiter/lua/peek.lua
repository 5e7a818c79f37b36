-- What the store knows of keys, to tell people when a message will go (limiter/script.cc). Changes
-- nothing but what it meets: a new life.
local function peek_holds(i)
  local s, count = '', 0
  local K = key(i)
  for h = 1, K and K.holds and #K.holds or 0 do
    local hold = K.holds[h]
    if hold.until_ == 0 or hold.until_ > now then
      s, count = s .. pack('<BddHc0', hold.kind, hold.until_, hold.said, #hold.by, hold.by), count + 1
    end
  end
  return s, count
end

local function peek_one(i)
  local parts = {}
  for li = 1, #S.limits do
    local l = S.limits[li]
    local L = log_of(l, li, i)
    if L then prune(L, l) end
    local T = tightened_of(l, i)
    if T == nil then T = {n = l.n, step = 0, grows = 0, held = 0, held_until = 0} end
    parts[#parts + 1] = pack('<I4I4dI4d', T.n, T.step, T.grows, T.held, T.held_until)
      .. write_log(l.log, L or new_log())
  end
  local mine, count = peek_holds(i)
  local its, more = '', 0
  if i == 2 then its, more = mine, count else its, more = peek_holds(2) end
  parts[#parts + 1] = pack('<H', count + more) .. mine .. its
  local K, opens = key(i), opens_at(i)
  local under_way, open = '', 0
  for k = 1, K and K.nopen or 0 do
    local lease_end = unpk('<d', K.open, OPEN_SIZE * k - 7)
    if lease_end > now then
      under_way, open = under_way .. pack('<d', lease_end - S.lease), open + 1
    end
  end
  local most, one_at_a_time = in_flight(K), K and K.penalties > 0 and 1 or 0
  K = key(told_owner(i))
  local is_told = K and K.told_until > now
  parts[#parts + 1] = pack('<dI4BdI4I4', opens > now and opens or 0, most, one_at_a_time,
    is_told and K.told_until or 0, is_told and K.told_left or 0, open) .. under_way
  return table.concat(parts)
end

read_records()
local reply = {head()}
reply[3] = pack('<B', #S.limits)
for a = 2, #ARGV do reply[a + 2] = peek_one(unpk('<I4', ARGV[a])) end
if S.dirty then write_state(S) end
return reply
