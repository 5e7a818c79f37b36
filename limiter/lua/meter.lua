-- The meter of one limit (limiter/meter.cc) on a log. `c` slots in columns: `at` (negative: open until
-- -at), `un` units (false: one each), `ids` packed, SLOT_SIZE bytes each: identity, serial,
-- granted_at; `cc` sub-windows: `ce` ends, `cu` units.
--@L c at un ids tat cc ce cu
local S, now, pack, unpk, sub, call, max, min, floor = S, now, pack, unpk, sub, call, max, min, floor
local IN_FLIGHT = 5

local function new_log() return {0, {}, false, '', 0, 0, false, false} end

-- The earliest time at which at most `most` units of the log count.
local function falls_to(L, l, most)
  if most < 0 then return NEVER end
  if not L then return now end
  local at, un, c, cc = L.at, L.un, L.c, L.cc
  if not un and cc == 0 and c <= most then return now end
  local horizon, rate, hold = l.horizon, l.rate, S.hold
  local used, first = 0, NEVER
  local ends, units
  for i = 1, c do
    local a, e = at[i]
    if a > 0 then
      e = a + horizon
    elseif not rate then
      e = -a
    elseif -a <= now then
      e = horizon + hold - a
    else
      e = now + horizon
    end
    if e > now then
      used = used + (un and un[i] or 1)
      if e < first then first = e end
    end
  end
  for i = 1, cc do
    local e = L.ce[i] + horizon
    if e > now then
      used = used + L.cu[i]
      if e < first then first = e end
    end
  end
  if used <= most then return now end
  if used - most == 1 then return first end
  ends, units = {}, {}
  local function add(e, u)
    if units[e] == nil then
      units[e] = u
      ends[#ends + 1] = e
    else
      units[e] = units[e] + u
    end
  end
  for i = 1, c do
    local a, e = at[i]
    if a > 0 then
      e = a + horizon
    elseif not rate then
      e = -a
    elseif -a <= now then
      e = horizon + hold - a
    else
      e = now + horizon
    end
    if e > now then add(e, un and un[i] or 1) end
  end
  for i = 1, cc do
    local e = L.ce[i] + horizon
    if e > now then add(e, L.cu[i]) end
  end
  table.sort(ends)
  for i = 1, #ends do
    used = used - units[ends[i]]
    if used <= most then return ends[i] end
  end
  return NEVER
end

-- May it go, at n units and as settings say? nil: yes; else why, and until when.
local function decide_plain(l, L, units)
  if l.rate and L and not L.un and L.cc == 0 then
    return decide_listed(L.at, L.c, L.tat, l.n, l.burst, l.interval, l.horizon, S.hold, now, units)
  end
  local window = falls_to(L, l, l.n - units)
  if not l.rate then
    if window <= now then return nil end
    return IN_FLIGHT, window
  end
  local burst = l.burst
  local bucket = L and L.tat - l.interval * (burst - min(units, burst)) or 0
  if window <= now and bucket <= now then return nil end
  if window >= bucket then return WINDOW_FULL, window end
  return PACING, bucket
end
