--@old rate up lists horizon interval sub_window log scope kind shadow n window burst guard since held_until held name
-- From now on these are the limits (limiter/script_limits.cc). The second argument has the spans,
-- the third the limits, the fourth the line's words, the fifth who says so, the sixth whether it is
-- a person, and instead of which version.
local EDIT_LINES_MAX = 64

local version, nlimits, spans_at = unpk('<c8H', ARGV[2])
local given = decode_limits(ARGV[3], 1, nlimits)
local by_person, instead_of = unpk('<Bc8', ARGV[6])
local any = pack('<d', 0)  -- eight zeros

local function set_spans()
  S.hold, S.start, S.timeout, S.pause, S.on_unknown, S.attempts_max, S.throttles_max, S.penalty_max,
    S.per_key, S.in_flight, S.clock_error, S.overlap, S.close_max, S.record_min, S.record_max =
    unpk('<ddddBdddddddddd', ARGV[2], spans_at)
  S.lease = S.start + S.timeout + S.pause
end

-- How many units a limit lets through in `span`, at most.
local function most_in(l, span, more)
  local windows = floor((span + l.window - 1) / l.window) + more
  if windows > floor(MAX32 / l.n) then return MAX32 end
  return windows * l.n
end

-- Whether the limit ruled, and its logs missed nothing, for so long before now.
local function ruled(l, span)
  return l.rate and l.shadow == 0 and l.held_until <= now and (l.since == 0 or l.since + span <= now)
end

-- The same limit with other numbers.
local function changed(old, l)
  l.log, l.since, l.held, l.held_until = old.log, old.since, old.held, old.held_until
  if l.n ~= old.n or l.window ~= old.window or l.shadow ~= old.shadow then l.since = now end
  local longer = l.horizon - old.horizon
  if longer > 0 then
    l.held = ruled(old, l.horizon) and most_in(old, longer, 0) or MAX32
    l.held_until = max(now, old.held_until) + longer
    if S.stretched > KEY_SLACK then
      l.held, l.held_until = MAX32, max(l.held_until, S.keys_until)
    end
  elseif old.held_until > now then
    l.held_until = old.held_until + longer
  end
end

-- Keys' records are needed for longer than was thought when they were last looked at. Those of
-- before that may be gone when windows grow by more than KEY_SLACK, all told.
local function keep_keys(matched)
  local longest, needed = 0, 0
  for i = 1, #given do
    local l, old = given[i], matched[i]
    local longer = old and l.horizon - old.horizon or 0
    if longer > 0 then longest, needed = max(longest, longer), max(needed, l.horizon) end
  end
  if longest == 0 then return end
  if S.keys_until <= now then S.keys_since, S.stretched = now, 0 end
  S.stretched = S.stretched + longest
  S.keys_until = max(S.keys_until, now + S.lease + S.hold + needed)
end

-- A limit that was not there: no log of it knows what is under way, or has gone before. Others that
-- ruled the same messages bound it.
local function added(l)
  l.log, l.since, l.held, l.held_until = S.next_log, now, MAX32, now + S.lease
  S.next_log = S.next_log + 1
  if not l.rate then return end
  l.held_until = l.held_until + S.hold + l.horizon
  for i = 1, #S.limits do
    local old = S.limits[i]
    if (old.scope == l.scope or old.up) and ruled(old, l.horizon) then
      l.held = min(l.held, most_in(old, l.horizon, 1))
    end
  end
end

-- Which of the old limits each new one is: by name; what is left over in the same place of the same
-- sort was renamed.
local function match()
  local matched, taken = {}, {}
  for pass = 1, 2 do
    for i = 1, #given do
      for k = 1, #S.limits do
        local old, l = S.limits[k], given[i]
        if not matched[i] and not taken[k] and old.scope == l.scope and old.kind == l.kind
          and (pass == 2 or old.name == l.name) then
          matched[i], taken[k] = old, true
        end
      end
    end
  end
  return matched
end

local function is_same()
  if #given ~= #S.limits then return false end
  for i = 1, #given do
    local l, old = given[i], S.limits[i]
    if l.name ~= old.name or l.scope ~= old.scope or l.n ~= old.n or l.window ~= old.window
      or l.burst ~= old.burst or l.guard ~= old.guard or l.kind ~= old.kind or l.shadow ~= old.shadow
    then
      return false
    end
  end
  return true
end

-- The shard's line of it: its length, the edit's number, when, the versions, in words, and in rows.
local function say_edit(before)
  local words = ARGV[4]
  S.out = S.out .. pack('<I4ddc8c8HHc0', 40 + #words + #ARGV[3], S.edits, now, S.version, before,
                        nlimits, #words, words) .. ARGV[3]
  S.nout = S.nout + 1
  if S.nout > EDIT_LINES_MAX then
    S.out = sub(S.out, unpk('<I4', S.out) + 1)
    S.nout = S.nout - 1
  end
end

local function edit(before)
  local matched = match()
  keep_keys(matched)
  for i = 1, #given do
    if matched[i] then changed(matched[i], given[i]) else added(given[i]) end
  end
  S.limits, S.limits_raw = given, false
  S.edits = S.edits + 1
  S.by, S.edited = ARGV[5], now
  say_edit(before)
end

local raw = call('GET', KEYS[1])
if raw then
  S = decode_state(raw)
elseif by_person == 1 then
  fail('UNSET the shard has no limits yet')
else
  S = {true, false, false, 0, SCHEMA_NOW, given, 0, '', false, '', ARGV[5], 0, 0, 0, 0, 0, 0, 0, 0, 0,
       version, 0, #given + 1, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', true}
  for i = 1, #given do
    local l = given[i]
    l.log = i
  end
end
-- A person's edit takes effect unless it is made from another version than the one that holds; that
-- of settings, unless they said the same the last time.
local stale, takes = false, true
if by_person == 1 then
  stale = instead_of ~= any and instead_of ~= S.version and version ~= S.version
  takes = not stale
else
  takes = S.file ~= version
  S.file = version
end
set_spans()
now = max(S.last, time + S.offset)
local life = read_life()
if not raw and is_fresh then
  S.life = life
else
  meet_life(life, takes and given or S.limits)
end
if not raw then S.edited = now end
if takes then
  local before = S.version
  S.version = version
  if not is_same() then edit(before) end
end
write_state(S)
local reply = {head()}
reply[3] = say_limits(stale and 1 or 0)
return reply
