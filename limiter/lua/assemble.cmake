# cmake -DOUT=redis_scripts.cc -P assemble.cmake: each script with the chunks that it needs, and its
# SHA-1, as C++ (limiter/redis_scripts.h). A function of Lua 5.1 has at most 200 locals, and what it
# shares with others costs time at each call, so constants (NAMES_LIKE_THIS) become what they stand
# for.
# A script's functions are made anew by each call. What one captures is looked for among all that was
# captured before it of the function around it, while what that one has captured itself is only
# copied: so each chunk is the body of a function within the chunk before it (+ puts two into one).
set(keys "prelude+begin columns meter_listed+meter meter_edit reopening keys")
set(records "${keys} messages records")

# Those that free memory, or take next to none, are allowed when the server is out of it (!).
set(scripts
  "grant|${records} lines attempts grant" "complete!|${records} lines attempts complete"
  "emptied!|prelude+begin messages emptied" "forget!|prelude+begin messages forget"
  "hold!|${records} hold" "peek!|${records} peek" "clock!|prelude+begin+clock"
  "consume|${records} lines consume" "limits|prelude+edit_line+limits"
  "restore|${records} edit_line+restore"
  "decide!|meter_listed+decide_lean ${keys} decide" "replicas!|replicas")

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
  set(ends "")
  foreach(chunk IN LISTS chunks)
    if(NOT text STREQUAL "")
      string(APPEND text "return (function()\n")
      string(APPEND ends "end)()\n")
    endif()
    string(REPLACE "+" ";" parts "${chunk}")
    foreach(part IN LISTS parts)
      file(READ ${CMAKE_CURRENT_LIST_DIR}/${part}.lua lines)
      string(APPEND text "${lines}")
    endforeach()
  endforeach()
  string(APPEND text "${ends}")
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
