-- The meter's writing half (limiter/meter.cc).
local SLOT_SIZE = 28
local SUB_WINDOWS_MAX, CHARGED_MAX = 256, 64

local function erase_slot(L, i)
  table.remove(L.at, i)
  if L.un then table.remove(L.un, i) end
  L.ids = sub(L.ids, 1, SLOT_SIZE * (i - 1)) .. sub(L.ids, SLOT_SIZE * i + 1)
  L.c = L.c - 1
end

-- The first of that name: sends made elsewhere can have the name of an attempt that follows them.
local function find_slot(L, id)
  local ids = L.ids
  local p = find(ids, id, 1, true)
  while p do
    if p % SLOT_SIZE == 1 then return (p - 1) / SLOT_SIZE + 1 end
    p = find(ids, id, p + 1, true)
  end
end

local function push_slot(L, id, at, units, granted)
  local c = L.c + 1
  if units ~= 1 and not L.un then
    L.un = {}
    for i = 1, c - 1 do L.un[i] = 1 end
  end
  L.c, L.at[c] = c, at
  if L.un then L.un[c] = units end
  L.ids = L.ids .. id .. pack('<d', granted)
end

-- Drops the slots that count no more, in one pass. What stays is moved up, and of names whole runs
-- are copied: mostly one, as slots go at the front.
local function prune(L, l)
  local at, un, horizon, hold, rate = L.at, L.un, l.horizon, S.hold, l.rate
  local c, kept, run, runs = L.c, 0, 1, ''
  for i = 1, c do
    local a = at[i]
    local over
    if not rate then
      over = (a > 0 and a or -a) <= now
    elseif a > 0 then
      over = a + horizon <= now
    else
      over = -a <= now and horizon + hold - a <= now
    end
    if over then
      if run < i then
        if runs == '' then runs = {} end
        runs[#runs + 1] = sub(L.ids, SLOT_SIZE * (run - 1) + 1, SLOT_SIZE * (i - 1))
      end
      run = i + 1
    else
      kept = kept + 1
      if kept < i then
        at[kept] = a
        if un then un[kept] = un[i] end
      end
    end
  end
  if kept < c then
    local last = sub(L.ids, SLOT_SIZE * (run - 1) + 1)
    L.ids = runs == '' and last or table.concat(runs) .. last
    for k = c, kept + 1, -1 do
      at[k] = nil
      if un then un[k] = nil end
    end
    L.c = kept
  end
  while L.cc > 0 and L.ce[1] + horizon <= now do
    table.remove(L.ce, 1)
    table.remove(L.cu, 1)
    L.cc = L.cc - 1
  end
end

local function take_slot(L, l, id, units, lease_end)
  if l.rate then
    local tat = L.tat
    L.tat = (tat > now and tat or now) + l.interval * units
    -- What only counts may be overdrawn, but no further than empty.
    if l.shadow == 1 then L.tat = min(L.tat, now + l.interval * l.burst) end
  end
  push_slot(L, id, -lease_end, units, now)
end

-- Units in the sub-window of `at`.
local function count_units(L, l, units, at)
  local upto = at
  if l.rate and not l.lists then upto = (floor(at / l.sub_window) + 1) * l.sub_window end
  if not L.ce then L.ce, L.cu = {}, {} end
  local ce, cu, place = L.ce, L.cu, L.cc + 1
  while place > 1 and ce[place - 1] >= upto do place = place - 1 end
  if ce[place] == upto then
    cu[place] = min(MAX32, cu[place] + units)
    return
  end
  table.insert(ce, place, upto)
  table.insert(cu, place, units)
  L.cc = L.cc + 1
  if L.cc <= SUB_WINDOWS_MAX then return end
  cu[2] = min(MAX32, cu[1] + cu[2])
  table.remove(ce, 1)
  table.remove(cu, 1)
  L.cc = L.cc - 1
end

-- The attempt's end is known at `at`: only ever moves a slot later, and inserts one that the log no
-- longer has.
local function complete_slot(L, l, id, units, at)
  local i = find_slot(L, id)
  if not l.rate then
    if i then erase_slot(L, i) end
  elseif not l.lists then
    if i and L.at[i] > 0 then  -- listed when N was smaller
      L.at[i] = max(L.at[i], at)
      return
    end
    if i then erase_slot(L, i) end
    count_units(L, l, units, at)
  elseif not i then
    push_slot(L, id, at, units, at)
  else
    local known = L.at[i]
    L.at[i] = known > 0 and max(known, at) or at
  end
end

-- The attempt never started. The pacing token comes back only while it is the last that was taken.
local function free_slot(L, l, id)
  local i = find_slot(L, id)
  if not i or L.at[i] > 0 then return end
  if l.rate and i == L.c then L.tat = L.tat - l.interval * (L.un and L.un[i] or 1) end
  erase_slot(L, i)
end
