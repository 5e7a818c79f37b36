-- An attempt's slots, and its place among those of its key that are under way.
local function end_open(i, id)
  local K = edit_key(i)
  local open = K.open
  if K.nopen == 1 and sub(open, 1, OPEN_SIZE - 8) == id then
    K.open, K.nopen = '', 0
    return
  end
  for k = K.nopen, 1, -1 do
    if sub(open, OPEN_SIZE * k - 27, OPEN_SIZE * k - 8) == id then
      open = sub(open, 1, OPEN_SIZE * k - 28) .. sub(open, OPEN_SIZE * k + 1)
      K.nopen = K.nopen - 1
    end
  end
  K.open = open
end

-- The attempt is over: its slots count from `at`.
local function complete_slots(i, id, units, at)
  end_open(i, id)
  local limits = S.limits
  for li = 1, #limits do
    local l = limits[li]
    local L = edit_log(l, li, i)
    complete_slot(L, l, id, units, at)
    prune(L, l)
  end
  refresh_idle(i)
  if S.has_up then refresh_idle(2) end
end
