-- What the trail proves has arrived is counted again (limiter/script_restore.cc). The second argument
-- says what it was computed for, and what is held from now on; the third the line's words; each that
-- follows one log: its key's place, its limit's, and arrivals, the latest first.
-- Nobody says whether the clock is right.
if S.last ~= 0 then now = max(S.last, S.opened) end
read_records()
local ARRIVED_SIZE, ARRIVED_FROM = 12, 9
local version, closed, nheld, held_at = unpk('<c8dH', ARGV[2])

-- What has arrived, by when it counts from, the latest first. Slots that are open are in no trail.
local function known_in(L)
  local known = {}
  for k = 1, L.c do
    if L.at[k] > 0 then known[#known + 1] = {L.at[k], L.un and L.un[k] or 1} end
  end
  for k = 1, L.cc do known[#known + 1] = {L.ce[k], L.cu[k]} end
  table.sort(known, function(a, b) return a[1] > b[1] end)
  return known
end

-- These units arrived by `at`, and no slot of the log is theirs.
local function arrive(L, l, units, at)
  if not l.lists then return count_units(L, l, units, at) end
  local id = 'restored' .. pack('<dI4', at, 0)
  local k = find_slot(L, id)
  if k == nil then return push_slot(L, id, at, units, at) end
  if not L.un then
    L.un = {}
    for i = 1, L.c do L.un[i] = 1 end
  end
  L.un[k] = min(MAX32, L.un[k] + units)
end

local function restore_log(i, li, said)
  local l = S.limits[li]
  if l == nil or not l.rate or (i == 2 and not l.up) then return end
  local L = edit_log(l, li, i)
  prune(L, l)
  local known, following, units, have = known_in(L), 1, 0, 0
  for p = ARRIVED_FROM, #said, ARRIVED_SIZE do
    local at, more = unpk('<dI4', said, p)
    local from = l.lists and at or (floor(at / l.sub_window) + 1) * l.sub_window
    if from + l.horizon <= now then break end
    units = units + more
    while known[following] and known[following][1] >= from do
      have, following = have + known[following][2], following + 1
    end
    if units > have then
      arrive(L, l, min(MAX32, units - have), at)
      have = units
    end
  end
  refresh_idle(l.up and 2 or i)
end

local function lift()
  local lifted = false
  for li = 1, min(nheld, #S.limits) do
    local l, held = S.limits[li], unpk('<I4', ARGV[2], held_at + 4 * li - 4)
    if l.rate and l.held_until > now and held < l.held then
      l.held, l.since = held, now
      lifted = true
    end
  end
  return lifted
end

for a = 4, #ARGV do
  local i = unpk('<I4I4', ARGV[a])
  if i < 2 or i > nkeys + 2 or #ARGV[a] % ARRIVED_SIZE ~= ARRIVED_FROM - 1 then
    fail('ARGS a log to restore is none')
  end
end
local stale = version ~= S.version or closed ~= S.closed
if not stale then
  for a = 4, #ARGV do
    local i, li = unpk('<I4I4', ARGV[a])
    restore_log(i, li, ARGV[a])
  end
  if nheld > 0 and lift() then
    S.limits_raw = false
    say_edit(S.version, ARGV[3], encode_limits(S.limits))
  end
end
local reply = {head()}
reply[3] = say_limits(stale and 1 or 0)
if S.dirty then write_state(S) end
write_keys()
return reply
