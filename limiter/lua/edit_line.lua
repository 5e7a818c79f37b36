local EDIT_LINES_MAX = 64

-- The shard's line of its limits: its length, the edit's number, when, the versions, in words, and in
-- rows.
local function say_edit(before, words, limits)
  S.edits, S.dirty = S.edits + 1, true
  S.out = S.out .. pack('<I4ddc8c8HHc0', 40 + #words + #limits, S.edits, now, S.version, before,
                        #S.limits, #words, words) .. limits
  S.nout = S.nout + 1
  if S.nout > EDIT_LINES_MAX then
    S.out = sub(S.out, unpk('<I4', S.out) + 1)
    S.nout = S.nout - 1
  end
end
