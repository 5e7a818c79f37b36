local function read_records()
  read_all(2, function(i, raw, name)
    if i <= nkeys + 2 then
      keys[i] = decode_key(raw, name)
    else
      messages[i] = decode_message(raw, name)
    end
  end)
end
