-- These attempts ended (limiter/script_complete.cc). An attempt's outcome is written once: what is
-- said again changes nothing.
local OUTCOME = '<HHI4BBI4dddI4dHc0'
local E_DELIVERED, E_REFUSED, E_FAILED, E_THROTTLED, E_UNKNOWN, E_NOT_STARTED = 1, 2, 3, 4, 5, 6
local W_NOW, W_BEFORE, W_LATE, W_NO_RECORD = 0, 1, 2, 3
local GIVEN_SIZE, GIVEN_MAX = 5, 16
local PENALTY_HOLD = 1
local TOLD_MAX = 2678400000000  -- an upstream's word is not believed for longer

local at  -- the latest that "now" can be: a completion is never written too early

-- The outcome that is being written.
local ki, mi, serial, ended, abnormal, quota_told, penalty_told, lane
local status, started, retry_after, penalty, quota_left, quota_reset, reason, answer_text

local function read_outcome(s)
  local flags, pos
  ki, mi, serial, ended, flags, status, started, retry_after, penalty, quota_left, quota_reset,
    reason, pos = unpk(OUTCOME, s)
  abnormal = flags % 2 == 1
  quota_told = floor(flags / 2) % 2 == 1
  penalty_told = floor(flags / 4) % 2 == 1
  lane = floor(flags / 8) % 2 == 1
  answer_text = sub(s, pos)
end

-- Where among those that were given up this attempt is; whether it counts.
local function find_given(M)
  for k = 1, #M.given / GIVEN_SIZE do
    local one, counted = unpk('<I4B', M.given, GIVEN_SIZE * k - 4)
    if one == serial then return k, counted == 1 end
  end
end

local function erase_given(M, k)
  M.given = sub(M.given, 1, GIVEN_SIZE * k - GIVEN_SIZE) .. sub(M.given, GIVEN_SIZE * k + 1)
end

-- What this outcome is to the store. One that names another key than its record's may touch neither.
local function place(M)
  if M and M.key ~= sub(KEYS[ki], key_prefix) then return W_BEFORE end
  if M == nil or serial > M.serial then return W_NO_RECORD end
  if M.stage == UNDERWAY and serial == M.serial then return W_NOW end
  return find_given(M) and W_LATE or W_BEFORE
end

local function count(M)
  M.attempts = M.attempts + 1
  if ended == E_THROTTLED then M.throttles = M.throttles + 1 end
end

-- How the message ends by this outcome; nil: not at all.
local function end_by(M)
  local answer = M.keep == 1 and answer_text or ''
  if ended == E_DELIVERED then return end_of(DELIVERED, '', status, M.attempts, answer) end
  local why
  if ended == E_REFUSED then
    why = 'refused'
  elseif ended == E_UNKNOWN and S.on_unknown == 1 then
    why = 'unknown'
  else
    why = exhausted(M.attempts, M.throttles)
  end
  if why then return end_of(DEAD, why, status, M.attempts, answer) end
end

local function complete_its_slots(M)
  local upto = ended == E_UNKNOWN and at + S.hold or at
  complete_slots(ki, attempt_id(mi, serial), M.cost, upto)
end

-- How long a slot stays open, lately.
local function learn(M)
  if status == 0 then return end
  local taken = min(max(now - M.granted, 0), S.start + S.timeout)
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
  if ended ~= E_DELIVERED then return end
  local K = key(ki)
  if K == nil or K.penalties == 0 then return end
  if serial ~= M.serial or M.granted <= K.penalised then return end
  K = edit_key(ki)
  K.penalties, K.reopened = 0, now
  refresh_idle(ki)
end

-- An answer said how many are left. What is still open may be on its way, and not counted yet.
local function tell()
  if not quota_told then return end
  local owner = told_owner(ki)
  local open = 0
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.rate and l.shadow == 0 and l.up == S.told_up then
      local units, L = 0, log_of(li, ki)
      for k = 1, L and L.c or 0 do
        if L.at[k] < 0 then units = units + (L.un and L.un[k] or 1) end
      end
      open = max(open, units)
    end
  end
  local K = edit_key(owner)
  K.told_at, K.told_until = now, now + min(max(quota_reset, 0), TOLD_MAX)
  K.told_left = quota_left - min(quota_left, open)
  refresh_idle(owner)
end

-- The upstream closed the key. Without a time of its own the answer doubles the last one's; abnormal
-- usage closes until a person opens.
local function punish(M)
  local length = penalty
  if length <= 0 and not abnormal then return end
  local K = edit_key(ki)
  if not penalty_told then
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
    hold = {kind = PENALTY_HOLD, until_ = now + length, by = 'upstream'}
    K.holds[#K.holds + 1] = hold
  end
  if hold.until_ ~= 0 then hold.until_ = max(hold.until_, now + length) end
  if abnormal then hold.until_, hold.by = 0, 'abnormal_usage' end
  say(M, line_of(M, HOLD, serial, ENDED + STARTED + COMPLETED + REASON + UNTIL, 0, status, started, at,
                 hold.until_, 0, no_life, abnormal and 'abnormal_usage' or 'penalty'))
  refresh_idle(ki)
end

local all_of_it = ENDED + STARTED + COMPLETED + REASON

-- A line about this outcome; with the message's end, if it has ended by it.
local function said_of(M, kind, its_end)
  local sets, settlement, words = all_of_it, 0, reason
  if kind == ATTEMPT then sets = sets + GRANTED end
  if its_end then
    sets, settlement = sets + SETTLES, settlement_of(its_end)
    if words == '' then words = reason_of(its_end) end
  end
  return line_of(M, kind, serial, sets, ended, status, started, at, 0, settlement, no_life, words)
end

-- No byte of it left: the slot is free, and it was no attempt. A request that would leave its lane
-- would do so each time.
local function not_started(M)
  free_slots(ki, attempt_id(mi, M.serial), M.cost, M.granted)
  M.given = M.given .. pack('<I4B', M.serial, 0)
  if #M.given > GIVEN_SIZE * GIVEN_MAX then M.given = sub(M.given, GIVEN_SIZE + 1) end
  M.purge = keep_until(M)
  if not lane and M.late == '' then return end
  local its_end = M.late ~= '' and M.late or end_of(DEAD, 'lane', 0, M.attempts, '')
  settle(M, its_end)
  say(M, line_of(M, SETTLEMENT, M.serial, SETTLES, 0, 0, 0, 0, 0, settlement_of(its_end), no_life,
                 reason_of(its_end)))
  M.purge = keep_until(M)
end

local function decide(M)
  M.stage = WAITING
  M.due = now + retry_after
  if ended == E_NOT_STARTED then return not_started(M) end
  complete_its_slots(M)
  count(M)
  learn(M)
  forgive(M)
  tell()
  local its_end = end_by(M)
  if ended ~= E_DELIVERED and M.late ~= '' then its_end = M.late end
  local line = said_of(M, ATTEMPT, its_end)
  if its_end then settle(M, its_end) end
  say(M, line)
  punish(M)
  M.purge = keep_until(M)
end

-- An answer after all: the slot moves to it, the key learns from it, and the message ends by it,
-- unless it has ended or the next attempt is under way already.
local function late(M, wrote)
  if M.key == '' then M.key = sub(KEYS[ki], key_prefix) end
  complete_its_slots(M)
  local k, counted = find_given(M)
  if k then erase_given(M, k) end
  if not counted then
    count(M)
  elseif ended == E_THROTTLED then
    M.throttles = M.throttles + 1
  end
  forgive(M)
  local final = ended == E_DELIVERED or ended == E_REFUSED
  local its_end
  if M.stage == WAITING and final then its_end = end_by(M) end
  local line = said_of(M, LATE_LINE, its_end)
  if M.stage == WAITING then
    if its_end then settle(M, its_end) end
    M.due = max(M.due, now + retry_after)
  elseif M.stage == UNDERWAY and final then
    M.late = end_by(M)
  end
  if wrote == W_NO_RECORD and M.stage ~= UNDERWAY then M.serial = max(M.serial, serial) end
  say(M, line)
  punish(M)
  M.purge = keep_until(M)
end

-- It never started, as turns out: it was no attempt. Its slot stays where it is.
local function uncount(M)
  if M.stage == SETTLED then return end
  for k = 1, #M.given / GIVEN_SIZE do
    local one, counted = unpk('<I4B', M.given, GIVEN_SIZE * k - 4)
    if one == serial and counted == 1 then
      M.given = sub(M.given, 1, GIVEN_SIZE * k - GIVEN_SIZE) .. pack('<I4B', one, 0)
        .. sub(M.given, GIVEN_SIZE * k + 1)
      M.attempts = M.attempts - 1
    end
  end
end

local function closed_until()
  local K = key(ki)
  local latest = 0
  if K == nil or K.holds == nil then return latest end
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
  local M = message(mi)
  local wrote = place(M)
  local says_nothing = ended == E_NOT_STARTED
  if wrote == W_LATE and says_nothing then
    uncount(edit_message(mi))
    wrote = W_BEFORE
  end
  if wrote == W_NOW then
    decide(edit_message(mi))
  elseif wrote ~= W_BEFORE and not says_nothing then
    late(edit_message(mi), wrote)
  end
  local closed = closed_until()
  M = message(mi)
  if M == nil then return pack('<BBI4ddI4', wrote, 0, 0, now, closed, 0) .. '\0\0' end
  local due = M.stage == UNDERWAY and M.lease_end or M.due
  return pack('<BBI4ddI4c0', wrote, M.stage == SETTLED and 1 or 0, M.attempts, due, closed, #M.ended,
              M.ended) .. outbox_of(M)
end

begin()
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
