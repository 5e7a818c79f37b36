-- What is said of messages: their ends, and the lines of their outboxes (LINE in messages.lua).
local DELIVERED, DEAD, EXPIRED, CANCELLED = 1, 2, 3, 4

local function end_of(settlement, reason, status, attempts, answer)
  return pack('<BI4I4dHc0I4c0', settlement, status, attempts, now, #reason, reason, #answer, answer)
end

local function settlement_of(ended) return string.byte(ended, 1) end

local GRANTED, ENDED, STARTED, COMPLETED, UNTIL, SETTLES, VERSION, REASON, OWN =
  1, 2, 4, 8, 16, 32, 64, 128, 256
local ATTEMPT, SETTLEMENT, LATE_LINE, HOLD, CONSUME_LINE = 1, 2, 3, 4, 6

local function line_of(M, kind, serial, sets, ended, status, started, completed, until_, settlement,
                       version, reason)
  return pack(LINE, LINE_SIZE + #reason, kind, serial, sets, now, M.attempts, M.cost, M.granted,
              M.limiter, M.dispatcher, ended, status, started, completed, until_, settlement, version,
              #reason, reason)
end

local function say(M, line)
  M.out = M.nout == 0 and line or M.out .. line
  M.nout = M.nout + 1
end

local function settle(M, ended)
  M.stage = SETTLED
  M.ended = ended
end

-- What of the message is not known to be in the trail.
local function outbox_of(M)
  if M.nout == 0 then return '\0\0' end
  return pack('<Hc0c0', M.nout, M.who, M.out)
end

-- Why the message must not be tried again; nil: it may.
local function exhausted(attempts, throttles)
  if throttles >= S.throttles_max then return 'throttles' end
  if attempts - (attempts < throttles and attempts or throttles) >= S.attempts_max then return 'attempts' end
end

local function keep_until(M)
  if M.stage == SETTLED then return now + S.record_max end
  local latest = M.expires > M.lease_end and M.expires or M.lease_end
  return (latest > now and latest or now) + S.record_max
end
