# cmake -DOUT=redis_scripts.cc -P assemble.cmake: each script with the chunks that it needs, and its
# SHA-1, as C++ (limiter/redis_scripts.h). A function of Lua 5.1 has at most 200 locals, and what it
# shares with others costs time at each call, so constants (NAMES_LIKE_THIS) become what they stand
# for.
# What a function captures is looked for among all that functions made before it have captured, so a
# chunk begins with names of its own for what it uses most; that wants the call to have begun.
set(records "prelude begin columns meter_listed meter meter_edit reopening keys messages")

# Those that free memory, or take next to none, are allowed when the server is out of it (!).
set(scripts
  "grant|${records} grant" "complete|${records} complete" "emptied!|${records} emptied"
  "forget!|${records} forget" "hold|${records} hold" "peek!|${records} peek" "clock!|prelude begin clock"
  "consume|${records} consume" "limits|prelude limits"
  "decide!|meter_listed decide_lean prelude begin columns meter meter_edit reopening keys decide")

# A line "--@M schema hash ...": a record that a script calls M is an array, with these fields in this
# order, as struct.unpack returns them. M.hash becomes M[2]: arrays are made in one go, and need no
# hashing.
function(with_places text into)
  string(REGEX MATCHALL "\n--@[^\n]+" all "\n${text}")
  foreach(layout IN LISTS all)
    string(REGEX REPLACE "^\n--@" "" layout "${layout}")
    string(REPLACE " " ";" layout "${layout}")
    list(POP_FRONT layout record)
    set(place 0)
    foreach(field IN LISTS layout)
      math(EXPR place "${place} + 1")
      foreach(pass RANGE 1)
        string(REGEX REPLACE "([^A-Za-z0-9_.])${record}\\.${field}([^A-Za-z0-9_])"
          "\\1${record}[${place}]\\2" text "${text}")
      endforeach()
    endforeach()
  endforeach()
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

function(without_constants text into)
  string(REGEX REPLACE "\n *--[^\n]*" "" text "\n${text}")
  set(constant "[A-Z][A-Z0-9_]+")
  string(REGEX MATCHALL "\nlocal ${constant}(,[ \n]+${constant})* =[ \n]+[^\n]+" all "${text}")
  string(REGEX REPLACE "\nlocal ${constant}(,[ \n]+${constant})* =[ \n]+[^\n]+" "" text "${text}")
  foreach(declared IN LISTS all)
    string(REGEX REPLACE "  --.*" "" declared "${declared}")
    string(REGEX MATCH "^\nlocal (.*) =[ \n]+(.*)$" _ "${declared}")
    set(names "${CMAKE_MATCH_1}")
    set(values "${CMAKE_MATCH_2}")
    string(REGEX REPLACE ",[ \n]+" ";" names "${names}")
    string(REGEX REPLACE ",[ \n]+" ";" values "${values}")
    foreach(name value IN ZIP_LISTS names values)
      # Neighbours share the character between them: twice.
      foreach(pass RANGE 1)
        string(REGEX REPLACE "([^A-Za-z0-9_])${name}([^A-Za-z0-9_])" "\\1${value}\\2" text "${text}")
      endforeach()
    endforeach()
  endforeach()
  string(REGEX REPLACE "^\n+" "" text "${text}")
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

set(texts "")
foreach(script IN LISTS scripts)
  string(REGEX MATCH "^([a-z]+)(!?)\\|(.*)$" _ "${script}")
  set(name ${CMAKE_MATCH_1})
  set(flags "#!lua\n")
  if(CMAKE_MATCH_2)
    set(flags "#!lua flags=allow-oom\n")
  endif()
  string(REPLACE " " ";" chunks "${CMAKE_MATCH_3}")
  set(text "")
  foreach(chunk IN LISTS chunks)
    file(READ ${CMAKE_CURRENT_LIST_DIR}/${chunk}.lua lines)
    string(APPEND text "${lines}")
  endforeach()
  with_places("${text}" text)
  without_constants("${text}" text)
  string(PREPEND text "${flags}")
  string(SHA1 sha1 "${text}")
  string(APPEND texts "    {\"${name}\",\nR\"lua(${text})lua\",\n     \"${sha1}\"},\n")
endforeach()

file(WRITE ${OUT} "// Made by limiter/lua/assemble.cmake.
#include \"limiter/redis_scripts.h\"

namespace sluice::limiter {

const std::array<RedisScriptText, kRedisScripts> kRedisScriptTexts{{
${texts}}};

}  // namespace sluice::limiter
")
