-- The shard's line of its limits: its length, the line's number, when, the versions, in words, and in
-- rows.
local function say_edit(before, words, limits)
  S.edits, S.dirty = S.edits + 1, true
  S.out = S.out .. pack('<I4ddc8c8HHc0', 40 + #words + #limits, S.edits, now, S.version, before,
                        #S.limits, #words, words) .. limits
  S.nout = S.nout + 1
  if S.nout > OWN_LINES_MAX then
    S.out, S.nout = sub(S.out, unpk('<I4', S.out) + 1), S.nout - 1
  end
end
