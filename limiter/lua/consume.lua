-- Sends that were made elsewhere are charged, once (limiter/script_told.cc).
read_records()
local i, units, at, id, line_reason = unpk('<I4I4dc16Hc0', ARGV[2])
local mi = #KEYS
local M = message(mi)

-- Listed slots of sends made elsewhere: above CHARGED_MAX the oldest are put together, under the
-- later one's time.
local function is_charged(L, k) return L.at[k] > 0 and unpk('<d', L.ids, SLOT_SIZE * k - 7) == 0 end

local function charge(L, l)
  local emptied = at + l.interval * l.burst
  local spent = max(L.tat, at) + l.interval * min(units, l.n)
  L.tat = max(L.tat, min(emptied, spent))
  if not l.lists then return count_units(L, l, units, at) end
  push_slot(L, id .. pack('<I4', 1), at, units, 0)
  local charged, first, following = 0
  for k = 1, L.c do
    if is_charged(L, k) then
      charged = charged + 1
      if charged == 1 then first = k elseif charged == 2 then following = k end
    end
  end
  if charged <= CHARGED_MAX then return end
  if not L.un then
    L.un = {}
    for k = 1, L.c do L.un[k] = 1 end
  end
  L.un[following] = min(MAX32, L.un[first] + L.un[following])
  L.at[following] = max(L.at[first], L.at[following])
  erase_slot(L, first)
end

if M == nil then
  if at == 0 or at > now then at = max(now, caller_high) end
  for li = 1, #S.limits do
    local l = S.limits[li]
    if l.rate and (i ~= 2 or l.up) then
      local L = edit_log(l, li, i)
      prune(L, l)
      if falls_to(L, l, l.n - units) > now then
        l.since = now  -- more has gone than it lets through: it bounds nothing that went before
        S.limits_raw, S.dirty = false, true
      end
      charge(L, l)
      refresh_idle(l.up and 2 or i)
    end
  end
  M = edit_message(mi)
  M.who = who_of('', i == 2 and '' or sub(KEYS[i], key_prefix), '')
  M.stage, M.cost = SETTLED, units
  M.ended = end_of(DELIVERED, 'consumed elsewhere', 0, 0, '')
  say(M, line_of(M, CONSUME_LINE, 0, COMPLETED + REASON + VERSION, 0, 0, 0, at, 0, 0, S.version,
                 line_reason))
end
local reply = {head()}
reply[3] = outbox_of(M)
if S.dirty then write_state(S) end
write_keys()
write_messages()
return reply
