# Compiler rules for all targets, and the two functions that make rooms and their tests.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

add_library(hvmdm_rules INTERFACE)
target_compile_options(hvmdm_rules INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Wswitch -Wformat=2 -Werror)
target_include_directories(hvmdm_rules INTERFACE ${CMAKE_SOURCE_DIR})
if(HVMDM_SANITIZE)
  target_compile_options(hvmdm_rules INTERFACE -fsanitize=${HVMDM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hvmdm_rules INTERFACE -fsanitize=${HVMDM_SANITIZE})
  target_compile_definitions(hvmdm_rules INTERFACE _GLIBCXX_ASSERTIONS)
else()
  target_compile_options(hvmdm_rules INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
  target_link_options(hvmdm_rules INTERFACE LINKER:-z,relro,-z,now,--as-needed,--gc-sections)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT HVMDM_OPTIMISES_WHOLE LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${HVMDM_OPTIMISES_WHOLE}) # a sixth off the binary; linking takes a minute
  include(CheckLinkerFlag)
  check_linker_flag(CXX LINKER:-z,pack-relative-relocs HVMDM_PACKS_RELOCATIONS) # glibc 2.36 knows what to do with them
  if(HVMDM_PACKS_RELOCATIONS)
    target_link_options(hvmdm_rules INTERFACE LINKER:-z,pack-relative-relocs)
  endif()
endif()

# hvmdm_room(NAME [COLD] [FILES files...] [BUT files...] DEPENDS libs...): the library dm_NAME from these .cpp files;
# without FILES, from all those of the calling folder and below it, BUT some. In a COLD room no guest waits for the code: it runs
# at start, on the toolstack's word, or beside libraries that do the work, and is to be small.
# The arrows of docs/architecture.md are the DEPENDS; tests/arrows checks the #includes against them.
function(hvmdm_room name)
  cmake_parse_arguments(ARG "COLD" "" "FILES;BUT;DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  list(TRANSFORM ARG_BUT PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM sources ${ARG_BUT})
  if(ARG_FILES)
    set(sources ${ARG_FILES})
  endif()
  if(NOT sources) # a room whose first file is still to come
    return()
  endif()
  add_library(dm_${name} STATIC ${sources})
  target_link_libraries(dm_${name} PUBLIC hvmdm_rules fmt::fmt ${ARG_DEPENDS})
  if(ARG_COLD AND NOT HVMDM_SANITIZE)
    target_compile_options(dm_${name} PRIVATE -Os)
  endif()
endfunction()

# hvmdm_small(patterns...): files of the calling folder that no guest waits for, in a room where it waits for others.
function(hvmdm_small)
  if(NOT HVMDM_SANITIZE)
    file(GLOB small CONFIGURE_DEPENDS ${ARGN})
    set_source_files_properties(${small} PROPERTIES COMPILE_OPTIONS -Os)
  endif()
endfunction()

# hvmdm_tests(NAME DEPENDS libs...): the GoogleTest program tests_NAME from the .cpp files of the calling folder.
function(hvmdm_tests name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(tests_${name} ${sources})
  target_link_libraries(tests_${name} PRIVATE hvmdm_rules ${ARG_DEPENDS} GTest::gmock_main)
  target_precompile_headers(tests_${name} PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  # Optimising what runs for milliseconds takes most of a test build's time. The second half is for ccache.
  target_compile_options(tests_${name} PRIVATE -O0
    $<IF:$<CXX_COMPILER_ID:Clang>,SHELL:-Xclang -fno-pch-timestamp,-fpch-preprocess>)
  add_test(NAME ${name} COMMAND tests_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()
