-- A limit that is held tighter than its settings (limiter/reopening.cc): {n, step, grows, held,
-- held_until}.
local function first_n(l) return max(1, floor(l.n / 2)) end
local function step_of(l) return max(1, floor(l.n / 8)) end

local function reopened_wholly(l, reopened)
  local step = step_of(l)
  return reopened + l.window * floor((l.n - first_n(l) + step - 1) / step)
end

-- nil: as the settings say. `penalties` and `reopened` are the key's; limits of the upstream as a
-- whole know neither.
local function tightened(l, penalties, reopened)
  local held = l.held_until > now
  if not l.rate or l.up then penalties, reopened = 0, 0 end
  if not held and penalties == 0 and reopened == 0 then return nil end
  local T = {n = l.n, step = 0, grows = 0, held = 0, held_until = 0}
  if penalties > 0 then
    T.n, T.step = first_n(l), step_of(l)
  elseif reopened ~= 0 and now < reopened_wholly(l, reopened) then
    local windows = max(0, floor((now - reopened) / l.window))
    T.step = step_of(l)
    T.n = first_n(l) + T.step * windows
    T.grows = reopened + l.window * (windows + 1)
  end
  if held then T.held, T.held_until = l.held, l.held_until end
  return T
end

local function move_on(l, T, at)
  if T.held_until <= at then T.held = 0 end
  while T.grows ~= 0 and T.grows <= at do
    T.n = min(l.n, T.n + T.step)
    T.grows = T.n < l.n and T.grows + l.window or 0
  end
end

-- decide_plain() for a limit so held. `until` is exact, growth of n included.
local function decide_tightened(l, L, T, units)
  move_on(l, T, now)
  local from = now
  while true do
    local following = NEVER
    if T.held > 0 then following = min(following, T.held_until) end
    if T.grows ~= 0 then following = min(following, T.grows) end
    local most = min(l.n - T.held - units, T.n - min(units, T.n))
    local window = max(from, falls_to(L, l, most))
    local burst = min(l.burst, T.n)
    local bucket = from
    if l.rate then bucket = (L and L.tat or 0) - l.interval * (burst - min(units, burst)) end
    local opens = max(window, bucket)
    if opens <= now then return nil end
    if opens < following or following >= NEVER then
      if not l.rate then return IN_FLIGHT, opens end
      if window >= bucket then return WINDOW_FULL, window end
      return PACING, bucket
    end
    move_on(l, T, following)
    from = following
  end
end
