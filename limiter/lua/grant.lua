-- May these messages go? (limiter/script_grant.cc) One argument for each, one answer for each.
local NOT_BEFORE, BACKOFF, PAUSED, PENALTY, CLOSURE, STORE_DOWN, CLOCK_UNSURE = 2, 3, 8, 9, 11, 14, 17
local A_YES, A_WAIT, A_SETTLED, A_UNDERWAY, A_CONFLICT = 0, 1, 2, 3, 4
local ASK = '<I4I4BI4I4I4dddc8I4'
local PAUSE_HOLD = 2

-- The ask that is being answered: places of its key and message among KEYS, flags, what the caller says
-- of it, and who it is.
--@A ki mi flags cost attempts throttles first_seen not_before expires dispatcher who_size who
local OFFERED_BEFORE, TO_CANCEL, KEEP_ANSWER, IN_CONFLICT = 1, 2, 4, 8  -- flags
local A

local function read_ask(s)
  A = {unpk(ASK, s)}
  A.who = sub(s, A.who)
  if #A.who ~= A.who_size then fail('ARGS an ask is cut short') end
end

local function has_flag(flag) return A.flags >= flag and floor(A.flags / flag) % 2 == 1 end

local function wait(why, until_, limit, M)
  return pack('<BBdI4Bc0', A_WAIT, why, until_, M and M.attempts or 0, #limit, limit)
    .. (M and outbox_of(M) or '\0\0')
end

local function settled(M)
  return pack('<BI4I4I4c0', A_SETTLED, M.serial, M.attempts, #M.ended, M.ended) .. outbox_of(M)
end

local function open(M, granted, shadows)
  return pack('<BI4I4ddddc8c8c0c0', granted, M.serial, M.attempts, M.granted, M.start_by, M.lease_end,
              max(M.start_by, M.lease_end - S.pause), M.limiter, M.dispatcher, shadows, outbox_of(M))
end

local caller_why, caller_limit
local function refuse_caller()
  if caller_version ~= S.version then
    caller_why, caller_limit = STORE_DOWN, 'stale_settings'
  elseif unsure or now > ask_by then
    caller_why, caller_limit = CLOCK_UNSURE, ''
  end
end

-- The message is to be another from now on: what was said of it stays as it was said.
local function keep_lines_as_said(M)
  local out, own = M.out, M.who
  local lines, pos = {}, 1
  while pos <= #out do
    local size, kind, serial, sets = unpk('<I4BI4H', out, pos)
    if size < LINE_SIZE then fail('CORRUPT a line of an outbox') end
    local line = sub(out, pos, pos + size - 1)
    if floor(sets / OWN) % 2 == 0 then
      line = pack('<I4BI4H', size + #own, kind, serial, sets + OWN) .. sub(line, 12) .. own
    end
    lines[#lines + 1] = line
    pos = pos + size
  end
  M.out = table.concat(lines)
end

local function begin_message()
  local is_new = message(A.mi) == nil
  local M = edit_message(A.mi)
  if is_new then
    M.attempts, M.throttles = A.attempts, A.throttles
  elseif M.nout > 0 and M.who ~= A.who then
    keep_lines_as_said(M)
  end
  M.keep, M.who, M.expires = has_flag(KEEP_ANSWER) and 1 or 0, A.who, A.expires
  M.purge = keep_until(M)
  return M
end

-- The lease has ended and no outcome is here: nobody knows what became of the attempt. It counts,
-- as an attempt and, unknown_hold longer, as a request.
local function give_up()
  local M = edit_message(A.mi)
  complete_slots(A.ki, attempt_id(A.mi, M.serial), M.cost, M.lease_end + S.hold)
  M.given = M.given .. pack('<I4B', M.serial, 1)
  M.stage = WAITING
  M.attempts = M.attempts + 1
  M.due = 0
  local ended
  if M.late ~= '' then
    ended = M.late
  else
    local reason = S.on_unknown == 1 and 'unknown' or exhausted(M.attempts, M.throttles)
    if reason then ended = end_of(DEAD, reason, 0, M.attempts, '') end
  end
  local sets = GRANTED + ENDED + COMPLETED + REASON
  local settlement = 0
  if ended then
    sets, settlement = sets + SETTLES, settlement_of(ended)
    settle(M, ended)
  end
  say(M, line_of(M, ATTEMPT, M.serial, sets, 5, 0, 0, M.lease_end, 0, settlement, no_life,
                 'lease ended'))
  M.purge = keep_until(M)
end

-- Ends the message without an attempt.
local function end_now(settlement, reason, attempts_so_far)
  local M = begin_message()
  local ended = end_of(settlement, reason, 0, attempts_so_far, '')
  settle(M, ended)
  say(M, line_of(M, SETTLEMENT, M.serial, SETTLES, 0, 0, 0, 0, 0, settlement, no_life, reason))
  M.purge = keep_until(M)
  return settled(M)
end

-- Same identity, other bytes: the newcomer is dead, under a name made of both.
local function answer_conflict()
  local M = message(A.mi)
  if M then return settled(M) end
  return end_now(DEAD, 'id_conflict', A.attempts)
end

-- Whether the message ends here and now, without an attempt.
local function why_end(M)
  if has_flag(TO_CANCEL) then return CANCELLED, 'cancelled' end
  if A.expires ~= 0 and now >= A.expires then return EXPIRED, 'expired' end
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.shadow == 0 and A.cost > l.n then return DEAD, 'cost' end
  end
  -- Offered before the store opened, and nothing is known of it: it may have been sent.
  if M == nil then
    if S.opened ~= 0 and has_flag(OFFERED_BEFORE) and A.first_seen < S.opened and S.on_unknown == 1 then
      return DEAD, 'unknown'
    end
    return DEAD, exhausted(A.attempts, A.throttles)
  end
  return DEAD, exhausted(M.attempts, M.throttles)
end

-- The hold that lasts longest.
local function held(i)
  local K = key(i)
  if K == nil or not K.holds then return nil end
  local why, until_
  for h = 1, #K.holds do
    local hold = K.holds[h]
    if hold.until_ == 0 or hold.until_ > now then
      if why == nil or (until_ ~= 0 and (hold.until_ == 0 or hold.until_ > until_)) then
        why, until_ = hold.kind == PAUSE_HOLD and PAUSED or PENALTY, hold.until_
      end
    end
  end
  return why, until_
end

-- As many attempts of its key as may be are under way; one, after a penalty, until one succeeds.
local function crowded()
  local K = key(A.ki)
  if K == nil or K.nopen == 0 then return nil end
  local under_way, first = 0, NEVER
  for k = 1, K.nopen do
    local lease_end = unpk('<d', K.open, OPEN_SIZE * k - 7)
    if lease_end > now then
      under_way = under_way + 1
      if lease_end < first then first = lease_end end
    end
  end
  if under_way == 0 or under_way < in_flight(K) then return nil end
  return IN_FLIGHT, first
end

local function verdict(li)
  local l = S.limits[li]
  local L = log_of(l, li, A.ki)
  local T = tightened_of(l, A.ki)
  if T then return decide_tightened(l, L, T, A.cost) end
  return decide_plain(l, L, A.cost)
end

-- All limits or none; the one that opens last is named.
local function limited()
  local why, until_, limit
  local K = key(told_owner(A.ki))
  if K and K.told_until > now and K.told_left < A.cost then
    why, until_, limit = WINDOW_FULL, K.told_until, 'told by the upstream'
  end
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    if l.shadow == 0 then
      local w, u = verdict(li)
      if w and (why == nil or until_ < u) then why, until_, limit = w, u, l.name end
    end
  end
  return why, until_, limit
end

-- Why it cannot go now, although nothing is wrong with it.
local function refuse(M)
  if now < A.not_before then return NOT_BEFORE, A.not_before, '' end
  if M and now < M.due then return BACKOFF, M.due, '' end
  local why, until_ = held(A.ki)
  if why == nil then why, until_ = held(2) end
  if why == nil then why, until_ = crowded() end
  if why then return why, until_, '' end
  return limited()
end

-- Limits that only count, and would have refused it.
local function shadows()
  if not S.has_shadow then return '\0' end
  local names, count = '', 0
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.shadow == 1 and (A.cost > l.n or verdict(li)) then
      names, count = names .. pack('<Bc0', #l.name, l.name), count + 1
    end
  end
  return pack('<B', count) .. names
end

local function take_slots(M)
  local id = attempt_id(A.mi, M.serial)
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    local L = edit_log(l, li, A.ki)
    prune(L, l)
    take_slot(L, l, id, A.cost, M.lease_end)
    if l.up then refresh_idle(2) end
  end
  local owner = told_owner(A.ki)
  local K = key(owner)
  if K and K.told_until > now then
    K = edit_key(owner)
    K.told_left = K.told_left - min(K.told_left, A.cost)
  end
  K = edit_key(A.ki)
  local under_way, count = '', 0
  for k = 1, K.nopen do
    if unpk('<d', K.open, OPEN_SIZE * k - 7) > now then
      under_way = under_way .. sub(K.open, OPEN_SIZE * k - 27, OPEN_SIZE * k)
      count = count + 1
    end
  end
  K.open, K.nopen = under_way .. id .. pack('<d', M.lease_end), count + 1
  refresh_idle(A.ki)
end

local function take()
  local refused_by = shadows()
  local M = begin_message()
  M.cost = A.cost
  -- Serials are never used twice, also by a store that forgot.
  M.serial = max(M.serial, floor(S.opened / 1000000)) + 1
  M.granted, M.start_by, M.lease_end = now, now + S.start, now + S.lease
  M.limiter, M.dispatcher = caller_life, A.dispatcher
  take_slots(M)
  M.stage = UNDERWAY
  return open(M, A_YES, refused_by)
end

local function answer()
  if has_flag(IN_CONFLICT) then return answer_conflict() end
  local M = message(A.mi)
  if M and M.who ~= A.who then
    local hash, name = hash_and_key(A.who)
    local its_hash, its_name = hash_and_key(M.who)
    if its_name ~= name or (its_hash ~= '' and its_hash ~= hash) then return pack('<B', A_CONFLICT) end
  end
  if M and M.stage == SETTLED then return settled(M) end
  local why, until_, limit = caller_why, 0, caller_limit
  if not why then
    local opens = opens_at(A.ki)
    if now < opens then why, until_, limit = CLOSURE, opens, '' end
  end
  if not why and M and M.stage == UNDERWAY then
    if now < M.lease_end then
      return open(M, M.limiter == caller_life and A_YES or A_UNDERWAY, '\0')
    end
    give_up()
    if M.stage == SETTLED then return settled(M) end
  end
  if not why then
    local settlement, reason = why_end(M)
    if reason then return end_now(settlement, reason, M and M.attempts or A.attempts) end
    why, until_, limit = refuse(M)
    if not why then return take() end
  end
  return wait(why, until_, limit, M)
end

read_records()
refuse_caller()
local reply = {head()}
for a = 2, #ARGV do
  read_ask(ARGV[a])
  reply[a + 1] = answer()
end
if S.dirty then write_state(S) end
write_keys()
write_messages()
return reply
