-- Columns of numbers, as packed bytes and as tables.
local formats = {d = {}, I4 = {}}
local function format_of(letter, count)
  local format = formats[letter][count]
  if format == nil then
    format = '<' .. rep(letter, count)
    formats[letter][count] = format
  end
  return format
end

local function read_column(s, pos, count, letter, size)
  if count <= CHUNK then
    local column = {unpk(format_of(letter, count), s, pos)}
    column[count + 1] = nil
    return column
  end
  local column = {}
  for from = 0, count - 1, CHUNK do
    local these = min(CHUNK, count - from)
    local part = {unpk(format_of(letter, these), s, pos + from * size)}
    for i = 1, these do column[from + i] = part[i] end
  end
  return column
end

local function write_column(column, count, letter)
  if count <= CHUNK then return pack(format_of(letter, count), unpack(column, 1, count)) end
  local parts = {}
  for from = 0, count - 1, CHUNK do
    local these = min(CHUNK, count - from)
    parts[#parts + 1] = pack(format_of(letter, these), unpack(column, from + 1, from + these))
  end
  return table.concat(parts)
end
