-- The meter of one limit (limiter/meter.cc) on a log. `c` slots in columns: `at` (negative: open until
-- -at), `un` units (false: one each), `ids` packed, SLOT_SIZE bytes each: identity, serial,
-- granted_at; `cc` sub-windows: `ce` ends, `cu` units.
--@L c at un ids tat cc ce cu
local IN_FLIGHT = 5

local function new_log() return {0, {}, false, '', 0, 0, false, false} end

-- The earliest time at which at most `most` units of the log count.
local function falls_to(L, l, most)
  if most < 0 then return NEVER end
  if not L then return now end
  local at, un, c, cc = L.at, L.un, L.c, L.cc
  if not un and cc == 0 and c <= most then return now end
  local horizon, rate, hold = l.horizon, l.rate, S.hold
  local used, first, count = 0, NEVER, 0
  local ends, units = {}, {}  -- of what counts still, in no order
  for i = 1, c + cc do
    local e, u
    if i > c then
      e, u = L.ce[i - c] + horizon, L.cu[i - c]
    else
      e, u = at[i], un and un[i] or 1
      if e > 0 then
        e = e + horizon
      elseif not rate then
        e = -e
      elseif -e <= now then
        e = horizon + hold - e
      else
        e = now + horizon
      end
    end
    if e > now then
      used, count = used + u, count + 1
      ends[count], units[count] = e, u
      if e < first then first = e end
    end
  end
  if used <= most then return now end
  if used - most == 1 then return first end
  local units_at = {}
  for i = 1, count do units_at[ends[i]] = (units_at[ends[i]] or 0) + units[i] end
  table.sort(ends)
  for i = 1, count do
    local e = ends[i]
    if e ~= ends[i - 1] then used = used - units_at[e] end
    if used <= most then return e end
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
