-- The meter's common case: a rate limit as its settings say, whose log lists slots of one unit each.
-- May so many units go? nil: yes; else why, and until when. No upvalues: the leanest script uses it too.
local WINDOW_FULL, PACING = 6, 7
local function decide_listed(at, c, tat, n, burst, interval, horizon, hold, now, units)
  local window, most = now, n - units
  if c > most then
    local used, first = 0, NEVER
    for i = 1, c do
      local e = at[i]
      if e > 0 then
        e = e + horizon
      elseif -e <= now then
        e = horizon + hold - e
      else
        e = now + horizon
      end
      if e > now then
        used = used + 1
        if e < first then first = e end
      end
    end
    if used - most == 1 then
      window = first
    elseif used > most then
      local ends = {}
      for i = 1, c do
        local e = at[i]
        if e > 0 then
          e = e + horizon
        elseif -e <= now then
          e = horizon + hold - e
        else
          e = now + horizon
        end
        if e > now then ends[#ends + 1] = e end
      end
      table.sort(ends)
      window = ends[used - most]
    end
  end
  if burst > units then tat = tat - interval * (burst - units) end
  if window <= now and tat <= now then return nil end
  if window >= tat then return WINDOW_FULL, window end
  return PACING, tat
end
