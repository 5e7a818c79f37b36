--@old rate up lists horizon interval sub_window log scope kind shadow n window burst guard since held_until held name
-- From now on these are the limits (limiter/script_limits.cc), and by these spans the shard rules
-- (limiter/script_spans.cc). The second argument has the limits' version and the spans, the third the
-- limits, the fourth the line's words, the fifth who says so, the sixth what it is that is said,
-- instead of which version, when it was said first, and by which limiter.
local SETTINGS, PERSON, SETTINGS_AGAIN, REMEMBERED = 0, 1, 2, 3
local INSTANCES_MAX = 64
local HEARD_FOR = 3600000000  -- settings of a limiter that says nothing any more
local SPAN_NUMBERS = '<ddddddddddddddd'  -- in the order of S, from S.hold on

local version, nlimits, its_spans = unpk('<c8Hc120', ARGV[2])
local given = decode_limits(ARGV[3], 1, nlimits)
local what, instead_of, said_at, instance = unpk('<Bc8dBc0', ARGV[6])
local by_settings = what == SETTINGS or what == SETTINGS_AGAIN

-- ---- what each limiter's settings said last ---------------------------------------------------

local told, file = {}, any  -- the newest last; the version of those that spoke with effect last

local function read_told(s)
  if not s then return end
  check_schema(s, KEYS[3])
  local _, count, pos
  if #s < 11 then fail('CORRUPT ' .. KEYS[3]) end
  _, count, file, pos = unpk('<BHc8', s)
  if #s < 10 + 137 * count then fail('CORRUPT ' .. KEYS[3]) end
  for i = 1, count do
    local one = {}
    one.file, one.at, one.name, one.spans, pos = unpk('<c8dBc0c120', s, pos)
    told[i] = one
  end
  if pos ~= #s + 1 then fail('CORRUPT ' .. KEYS[3]) end
end

local function write_told()
  local parts = {pack('<BHc8', SCHEMA_NOW, #told, file)}
  for i = 1, #told do
    local one = told[i]
    parts[i + 1] = pack('<c8dBc0c120', one.file, one.at, #one.name, one.name, one.spans)
  end
  call('SET', KEYS[3], table.concat(parts))
end

local function remember()
  local kept = {}
  for i = 1, #told do
    if told[i].name ~= instance then kept[#kept + 1] = told[i] end
  end
  if #kept >= INSTANCES_MAX then table.remove(kept, 1) end
  kept[#kept + 1] = {file = version, at = now, name = instance, spans = its_spans}
  told = kept
end

-- Settings that are new for their limiter, and are not those that spoke last.
local function is_new()
  if version == file then return false end
  for i = 1, #told do
    if told[i].name == instance and told[i].file == version then return false end
  end
  return true
end

-- The safer of what they say.
local function wanted()
  local all = {unpk(SPAN_NUMBERS, its_spans)}
  for i = 1, #told do
    if told[i].at + HEARD_FOR > now then
      local one = {unpk(SPAN_NUMBERS, told[i].spans)}
      for k = 1, 12 do all[k] = max(all[k], one[k]) end
      for k = 13, 15 do all[k] = min(all[k], one[k]) end
    end
  end
  return all
end

-- Those of before that may be gone when they are needed for more than KEY_SLACK longer, all told.
local function keep_keys(longer, horizon)
  if S.keys_until <= now then S.keys_since, S.stretched = now, 0 end
  S.stretched = S.stretched + longer
  S.keys_until = max(S.keys_until, now + S.lease + S.hold + horizon)
end

-- What ended unknown counts longer from now on. Slots that it would count by may be gone already.
local function hold_longer(longer)
  local horizon = 0
  for i = 1, #S.limits do
    local l = S.limits[i]
    horizon = max(horizon, l.horizon)
  end
  keep_keys(longer, horizon)
  local until_ = S.stretched > KEY_SLACK and S.keys_until or now + longer
  for i = 1, #S.limits do
    local l = S.limits[i]
    if l.rate then l.held, l.held_until = MAX32, max(l.held_until, until_) end
  end
  S.limits_raw = false
end

local function rule_by(all, ruling, is_made)
  local lease, hold, overlap = S.lease, S.hold, S.overlap
  local spans = sub(redis.sha1hex(pack(SPAN_NUMBERS, unpack(all, 1, 15))), 1, 8)
  local shorter = all[2] + all[3] + all[4] < lease or all[1] < hold or all[9] < overlap
  if spans ~= S.spans and shorter then S.tail = max(S.tail, now + lease + hold) end
  S.spans = spans
  S.hold, S.start, S.timeout, S.pause, S.on_unknown, S.attempts_max, S.throttles_max, S.penalty_max,
    S.overlap, S.close_max, S.record_min, S.record_max, S.per_key, S.in_flight, S.clock_error =
    unpack(all, 1, 15)
  if S.tail > now then S.hold, S.overlap = max(S.hold, hold), max(S.overlap, overlap) end
  S.lease = S.start + S.timeout + S.pause
  if is_made then return end
  if S.hold > hold then hold_longer(S.hold - hold) end
  if S.opened ~= 0 and S.lease + S.hold + S.overlap > lease + hold + overlap then
    close(ruling, BY_SPANS, S.opened)
  end
end

-- Whatever settings say, a shard believes no clock that its limits' guards do not cover.
local function fit_clock_error(ruling)
  for i = 1, #ruling do
    local l = ruling[i]
    if l.rate then S.clock_error = min(S.clock_error, max(0, floor((l.guard - 1000) / 2))) end
  end
end

-- ---- the limits -------------------------------------------------------------------------------

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

local function keep_keys_of(matched)
  local longest, needed = 0, 0
  for i = 1, #given do
    local l, old = given[i], matched[i]
    local longer = old and l.horizon - old.horizon or 0
    if longer > 0 then longest, needed = max(longest, longer), max(needed, l.horizon) end
  end
  if longest > 0 then keep_keys(longest, needed) end
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

local function edit(before)
  local matched = match()
  keep_keys_of(matched)
  for i = 1, #given do
    if matched[i] then changed(matched[i], given[i]) else added(given[i]) end
  end
  S.limits, S.limits_raw = given, false
  S.by, S.edited = ARGV[5], what == REMEMBERED and said_at or max(now, S.edited + 1)
  fit_clock_error(given)
  say_edit(before, ARGV[4], ARGV[3])
end

local raw = call('GET', KEYS[1])
if raw then
  S = decode_state(raw)
elseif not by_settings then
  fail('UNSET the shard has no limits yet')
else
  S = {true, false, false, 0, SCHEMA_NOW, given, 0, false, '', ARGV[5], 0, 0, 0, 0, 0, 0, 0, 0, 0,
       version, any, 0, 0, #given + 1, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, true}
  for i = 1, #given do
    local l = given[i]
    l.log = i
  end
end
read_told(call('GET', KEYS[3]))
now = max(S.last, time + S.offset)
heard = now
-- A person's edit takes effect unless it is made from another version than the one that holds. What
-- somebody remembers does if this store knows no edit as new; settings, if they are news.
local stale, takes = false, false
if what == PERSON then
  stale = instead_of ~= any and instead_of ~= S.version and version ~= S.version
  takes = not stale
elseif what == REMEMBERED then
  takes = version ~= S.version and S.edited < said_at
else
  takes = not raw or (what == SETTINGS and is_new())
end
local ruling = takes and given or S.limits
if by_settings then
  remember()
  rule_by(wanted(), ruling, not raw)
  fit_clock_error(ruling)
end
local life = read_life()
if not raw and is_fresh then
  S.life = life
else
  meet_life(life, ruling, raw and BY_LIFE or BY_FIRST)
end
-- Nobody says whether the clock is right.
if S.last ~= 0 then now = max(S.last, S.opened) end
if takes then
  local before = S.version
  S.version = version
  if by_settings then file = version end
  if not is_same() then edit(before) end
end
write_state(S)
if by_settings then write_told() end
local reply = {head()}
reply[3] = say_limits(stale and 1 or 0)
reply[4] = pack(SPAN_NUMBERS, S.hold, S.start, S.timeout, S.pause, S.on_unknown, S.attempts_max,
  S.throttles_max, S.penalty_max, S.overlap, S.close_max, S.record_min, S.record_max, S.per_key,
  S.in_flight, S.clock_error)
return reply
