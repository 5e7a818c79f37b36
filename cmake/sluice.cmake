find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

# sluice_library(NAME SOURCES a.cc b.cc LINKS x y): a static library whose includes start at the
# project's root ("lib/base/check.h").
function(sluice_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# sluice_part(NAME TARGET): what scripts/test builds by that name: "programs", and "unit_tests" and
# so on, by label.
function(sluice_part part target)
  get_directory_property(is_left_out EXCLUDE_FROM_ALL)
  if(is_left_out) # benches
    return()
  endif()
  if(NOT TARGET ${part})
    add_custom_target(${part})
  endif()
  add_dependencies(${part} ${target})
endfunction()

# sluice_program(NAME SOURCES main.cc LINKS x y): a program in build/<preset>/bin, on jemalloc
# (docs/decisions/0009); sanitizers bring an allocator of their own.
function(sluice_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  if(NOT SLUICE_SANITIZE)
    target_link_libraries(${name} PRIVATE PkgConfig::JEMALLOC)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  sluice_part(programs ${name})
endfunction()

# sluice_test(NAME SOURCES x_test.cc LINKS x LABEL unit): one GoogleTest program, run as one ctest
# test under that label (unit, contract, conformance, memory, sim), for at most TIMEOUT seconds (default 400). Tests compile with less than what
# they test, which takes a quarter off their time: GoogleTest's own bodies need no second look.
find_package(GTest REQUIRED)
if(SLUICE_SANITIZE)
  set(SLUICE_TEST_OPTIONS -fno-sanitize=alignment)
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  set(SLUICE_TEST_OPTIONS -O1)
endif()
function(sluice_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 400)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE ${SLUICE_TEST_OPTIONS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name}
    COMMAND ${name} --gtest_output=xml:${PROJECT_BINARY_DIR}/reports/${name}.xml
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
  sluice_part(${arg_LABEL}_tests ${name})
endfunction()

# sluice_link_test(WHOLE USES...): a program of every object of WHOLE (its archive, not what its
# target links by itself) and of nothing else than USES; it is built, never run.
function(sluice_link_test whole)
  set(name link_${whole})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/link/alone.cc)
  add_dependencies(${name} ${whole})
  target_link_libraries(${name} PRIVATE
    -Wl,--whole-archive $<TARGET_FILE:${whole}> -Wl,--no-whole-archive ${ARGN})
  set_target_properties(${name} PROPERTIES LINK_DEPENDS $<TARGET_FILE:${whole}>
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  sluice_part(programs ${name})
endfunction()
