-- These attempts ended (limiter/script_complete.cc). An attempt's outcome is written once: what is
-- said again changes nothing.
local OUTCOME = '<I4I4I4BBI4dddI4dHc0'
local E_DELIVERED, E_REFUSED, E_FAILED, E_THROTTLED, E_UNKNOWN, E_NOT_STARTED = 1, 2, 3, 4, 5, 6
local W_NOW, W_BEFORE, W_LATE, W_NO_RECORD = 0, 1, 2, 3
local GIVEN_SIZE, GIVEN_MAX = 5, 16
local PENALTY_HOLD = 1
local TOLD_MAX = 2678400000000  -- an upstream's word is not believed for longer

local at  -- the latest that "now" can be: a completion is never written too early

-- The outcome that is being written.
--@O ki mi serial ended flags status started retry_after penalty quota_left quota_reset reason answer
local ABNORMAL, QUOTA_TOLD, PENALTY_TOLD, LANE = 1, 2, 4, 8  -- flags
local O

local function read_outcome(s)
  O = {unpk(OUTCOME, s)}
  O.answer = sub(s, O.answer)
end

local function has_flag(flag) return O.flags >= flag and floor(O.flags / flag) % 2 == 1 end

-- Where among those that were given up this attempt is; whether it counts.
local function find_given(M)
  for k = 1, #M.given / GIVEN_SIZE do
    local one, counted = unpk('<I4B', M.given, GIVEN_SIZE * k - 4)
    if one == O.serial then return k, counted == 1 end
  end
end

local function erase_given(M, k)
  M.given = sub(M.given, 1, GIVEN_SIZE * k - GIVEN_SIZE) .. sub(M.given, GIVEN_SIZE * k + 1)
end

-- What this outcome is to the store. One that names another key than its record's may touch neither.
local function place(M)
  if M and not is_of_key(M.who, sub(KEYS[O.ki], key_prefix)) then return W_BEFORE end
  if M == nil or O.serial > M.serial then return W_NO_RECORD end
  if M.stage == UNDERWAY and O.serial == M.serial then return W_NOW end
  return find_given(M) and W_LATE or W_BEFORE
end

local function count(M)
  M.attempts = M.attempts + 1
  if O.ended == E_THROTTLED then M.throttles = M.throttles + 1 end
end

-- How the message ends by this outcome; nil: not at all.
local function end_by(M)
  local answer = M.keep == 1 and O.answer or ''
  if O.ended == E_DELIVERED then return end_of(DELIVERED, '', O.status, M.attempts, answer) end
  local why
  if O.ended == E_REFUSED then
    why = 'refused'
  elseif O.ended == E_UNKNOWN and S.on_unknown == 1 then
    why = 'unknown'
  else
    why = exhausted(M.attempts, M.throttles)
  end
  if why then return end_of(DEAD, why, O.status, M.attempts, answer) end
end

local function complete_its_slots(M)
  local upto = O.ended == E_UNKNOWN and at + S.hold or at
  complete_slots(O.ki, attempt_id(O.mi, O.serial), M.cost, upto)
end

-- How long a slot stays open, lately.
local function learn(M)
  if O.status == 0 then return end
  local taken, most = now - M.granted, S.start + S.timeout
  if taken < 0 then taken = 0 elseif taken > most then taken = most end
  if S.latency == 0 then
    S.latency = taken
  else
    local step = (taken - S.latency) / 8
    S.latency = S.latency + (step < 0 and math.ceil(step) or floor(step))
  end
  S.dirty = true
end

-- A success ends a row of penalties; from here on the key opens slowly. What was granted before the
-- penalty proves nothing.
local function forgive(M)
  if O.ended ~= E_DELIVERED then return end
  local K = key(O.ki)
  if K == nil or K.penalties == 0 then return end
  if O.serial ~= M.serial or M.granted <= K.penalised then return end
  K = edit_key(O.ki)
  K.penalties, K.reopened = 0, now
  refresh_idle(O.ki)
end

-- An answer said how many are left. What is still open may be on its way, and not counted yet.
local function tell()
  if not has_flag(QUOTA_TOLD) then return end
  local owner = told_owner(O.ki)
  local open = 0
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.rate and l.shadow == 0 and l.up == S.told_up then
      local units, L = 0, log_of(l, li, O.ki)
      for k = 1, L and L.c or 0 do
        if L.at[k] < 0 then units = units + (L.un and L.un[k] or 1) end
      end
      open = max(open, units)
    end
  end
  local K = edit_key(owner)
  K.told_at, K.told_until = now, from + min(max(O.quota_reset, 0), TOLD_MAX)
  K.told_left = O.quota_left - min(O.quota_left, open)
  refresh_idle(owner)
end

-- The upstream closed the key. Without a time of its own the answer doubles the last one's; abnormal
-- usage closes until a person opens.
local function punish(M)
  local length = O.penalty
  if length <= 0 and not has_flag(ABNORMAL) then return end
  local K = edit_key(O.ki)
  if not has_flag(PENALTY_TOLD) then
    local most = max(length, S.penalty_max)
    for _ = 1, K.penalties do
      if length >= most or length == 0 then break end
      length = length * 2
    end
    length = min(length, most)
  end
  K.penalties, K.penalised, K.reopened = K.penalties + 1, now, 0
  K.holds = K.holds or {}
  local hold
  for h = 1, #K.holds do
    if K.holds[h].kind == PENALTY_HOLD then
      hold = K.holds[h]
      break
    end
  end
  if hold == nil then
    hold = {kind = PENALTY_HOLD, until_ = from + length, said = 0, by = 'upstream'}
    K.holds[#K.holds + 1] = hold
  end
  if hold.until_ ~= 0 then hold.until_ = max(hold.until_, from + length) end
  if has_flag(ABNORMAL) then hold.until_, hold.by, hold.said = 0, 'abnormal_usage', now end
  say(M, line_of(M, HOLD, O.serial, ENDED + STARTED + COMPLETED + REASON + UNTIL, 0, O.status, O.started, at,
                 hold.until_, 0, no_life, has_flag(ABNORMAL) and 'abnormal_usage' or 'penalty'))
  refresh_idle(O.ki)
end

local all_of_it = ENDED + STARTED + COMPLETED + REASON

-- A line about this outcome; with the message's end, if it has ended by it.
local function said_of(M, kind, its_end)
  local sets, settlement, words = all_of_it, 0, O.reason
  if kind == ATTEMPT then sets = sets + GRANTED end
  if its_end then
    sets, settlement = sets + SETTLES, settlement_of(its_end)
    if words == '' then words = reason_of(its_end) end
  end
  return line_of(M, kind, O.serial, sets, O.ended, O.status, O.started, at, 0, settlement, no_life, words)
end

-- The attempt was not started: its slots are free.
local function free_slots(i, id, units, granted)
  end_open(i, id)
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    free_slot(edit_log(l, li, i), l, id)
  end
  local owner = told_owner(i)
  local K = key(owner)
  if K and K.told_until > now and granted >= K.told_at then
    K = edit_key(owner)
    K.told_left = K.told_left + units
  end
  refresh_idle(i)
  if S.has_up then refresh_idle(2) end
end

-- No byte of it left: the slot is free, and it was no attempt. A request that would leave its lane
-- would do so each time.
local function not_started(M)
  free_slots(O.ki, attempt_id(O.mi, M.serial), M.cost, M.granted)
  M.given = M.given .. pack('<I4B', M.serial, 0)
  if #M.given > GIVEN_SIZE * GIVEN_MAX then M.given = sub(M.given, GIVEN_SIZE + 1) end
  M.purge = keep_until(M)
  if not has_flag(LANE) and M.late == '' then return end
  local its_end = M.late ~= '' and M.late or end_of(DEAD, 'lane', 0, M.attempts, '')
  settle(M, its_end)
  say(M, line_of(M, SETTLEMENT, M.serial, SETTLES, 0, 0, 0, 0, 0, settlement_of(its_end), no_life,
                 reason_of(its_end)))
  M.purge = keep_until(M)
end

local function decide(M)
  M.stage = WAITING
  M.due = from + O.retry_after
  if O.ended == E_NOT_STARTED then return not_started(M) end
  complete_its_slots(M)
  count(M)
  learn(M)
  forgive(M)
  tell()
  local its_end = end_by(M)
  if O.ended ~= E_DELIVERED and M.late ~= '' then its_end = M.late end
  local line = said_of(M, ATTEMPT, its_end)
  if its_end then settle(M, its_end) end
  say(M, line)
  punish(M)
  M.purge = keep_until(M)
end

-- An answer after all: the slot moves to it, the key learns from it, and the message ends by it,
-- unless it has ended or the next attempt is under way already.
local function late(M, wrote)
  if M.who == nobody then M.who = who_of('', sub(KEYS[O.ki], key_prefix), '') end
  complete_its_slots(M)
  local k, counted = find_given(M)
  if k then erase_given(M, k) end
  if not counted then
    count(M)
  elseif O.ended == E_THROTTLED then
    M.throttles = M.throttles + 1
  end
  forgive(M)
  local final = O.ended == E_DELIVERED or O.ended == E_REFUSED
  local its_end
  if M.stage == WAITING and final then its_end = end_by(M) end
  local line = said_of(M, LATE_LINE, its_end)
  if M.stage == WAITING then
    if its_end then settle(M, its_end) end
    M.due = max(M.due, from + O.retry_after)
  elseif M.stage == UNDERWAY and final then
    M.late = end_by(M)
  end
  if wrote == W_NO_RECORD and M.stage ~= UNDERWAY then M.serial = max(M.serial, O.serial) end
  say(M, line)
  punish(M)
  M.purge = keep_until(M)
end

-- It never started, as turns out: it was no attempt. Its slot stays where it is.
local function uncount(M)
  if M.stage == SETTLED then return end
  for k = 1, #M.given / GIVEN_SIZE do
    local one, counted = unpk('<I4B', M.given, GIVEN_SIZE * k - 4)
    if one == O.serial and counted == 1 then
      M.given = sub(M.given, 1, GIVEN_SIZE * k - GIVEN_SIZE) .. pack('<I4B', one, 0)
        .. sub(M.given, GIVEN_SIZE * k + 1)
      M.attempts = M.attempts - 1
    end
  end
end

local function closed_until()
  local K = key(O.ki)
  local latest = 0
  if K == nil or not K.holds then return latest end
  for h = 1, #K.holds do
    local hold = K.holds[h]
    if hold.kind == PENALTY_HOLD then
      local until_ = hold.until_ == 0 and NEVER or hold.until_
      if until_ > now then latest = max(latest, until_) end
    end
  end
  return latest
end

local function answer()
  local M = message(O.mi)
  local wrote = place(M)
  local says_nothing = O.ended == E_NOT_STARTED
  if wrote == W_LATE and says_nothing then
    uncount(edit_message(O.mi))
    wrote = W_BEFORE
  end
  if wrote == W_NOW then
    decide(edit_message(O.mi))
  elseif wrote ~= W_BEFORE and not says_nothing then
    late(edit_message(O.mi), wrote)
  end
  local closed = closed_until()
  M = message(O.mi)
  if M == nil then return pack('<BBI4ddI4', wrote, 0, 0, now, closed, 0) .. '\0\0' end
  local due = M.stage == UNDERWAY and M.lease_end or M.due
  local settled = M.stage == SETTLED and 1 or 0
  if M.nout == 0 then
    return pack('<BBI4ddI4c0H', wrote, settled, M.attempts, due, closed, #M.ended, M.ended, 0)
  end
  return pack('<BBI4ddI4c0Hc0c0', wrote, settled, M.attempts, due, closed, #M.ended, M.ended, M.nout,
              M.who, M.out)
end

read_records()
at = max(now, caller_high)
local reply = {'', ''}
for a = 2, #ARGV do
  read_outcome(ARGV[a])
  reply[a + 1] = answer()
end
reply[1], reply[2] = head()
if S.dirty then write_state(S) end
write_keys()
write_messages()
return reply
