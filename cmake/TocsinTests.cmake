# SPDX-License-Identifier: MIT
#
# tests/: what spans modules. tests/FOLDER/*.cpp become one binary FOLDER_test.
foreach(folder IN ITEMS contract cli regression)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
  if(sources)
    tocsin_test(${folder}_test SOURCES ${sources} LINK tocsin)
    # The programs are looked for here, in whichever build runs the test.
    target_compile_definitions(${folder}_test PRIVATE
      TOCSIN_BIN_DIR="${CMAKE_BINARY_DIR}/bin" TOCSIN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  endif()
endforeach()
# The modules' helpers of tests compile on their own, too: `ninja all_verify_interface_header_sets`.
function(tocsin_verify_testing_headers)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tocsin/*_testing.hpp)
  list(FILTER headers EXCLUDE REGEX "/tocsin/adapters/")
  add_library(tocsin_testing INTERFACE)
  target_link_libraries(tocsin_testing INTERFACE tocsin_settings tocsin GTest::gtest GTest::gmock)
  target_sources(tocsin_testing INTERFACE
                 FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  set_target_properties(tocsin_testing PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()
tocsin_verify_testing_headers()

# vkern held against the Linux it runs on: a program, its own tests, and a slice of its work.
include(TocsinDifferential)

# A Loop inside the loops of others: of those that are there.
pkg_check_modules(TOCSIN_GLIB QUIET IMPORTED_TARGET glib-2.0)
pkg_check_modules(TOCSIN_LIBUV QUIET IMPORTED_TARGET libuv)
foreach(foreign IN ITEMS GLIB LIBUV)
  if(TOCSIN_${foreign}_FOUND)
    string(TOLOWER ${foreign} name)
    tocsin_test(embedding_${name}_test
                SOURCES ${PROJECT_SOURCE_DIR}/tests/embedding/${name}_test.cpp
                LINK tocsin PkgConfig::TOCSIN_${foreign})
  endif()
endforeach()

if(TARGET cli_test)
  if(TOCSIN_CLI)
    target_link_libraries(cli_test PRIVATE tocsin_cli)
    if(TARGET tocsin_program)
      add_dependencies(cli_test tocsin_program)
    endif()
  endif()
  if(TOCSIN_EXAMPLES)
    add_dependencies(cli_test examples)
  endif()
endif()

# The code's own rules, and proof that each of them catches what it is for.
add_test(NAME tidy.rules_catch_their_examples
         COMMAND python3 ${PROJECT_SOURCE_DIR}/tests/tidy/tidy.py --self-test)
add_test(NAME tidy.tree COMMAND python3 ${PROJECT_SOURCE_DIR}/tests/tidy/tidy.py)
add_test(NAME scripts.front_door COMMAND ${PROJECT_SOURCE_DIR}/scripts/front_door_test.sh)
set_tests_properties(tidy.rules_catch_their_examples tidy.tree scripts.front_door
                     PROPERTIES LABELS tidy TIMEOUT 60)

# Each mutant of vkern still has its passage in the code. (To let the fuzzer look for them all takes
# minutes: ./dev mutants.)
add_test(NAME mutants.fit COMMAND python3 ${PROJECT_SOURCE_DIR}/tests/mutants/check.py)
set_tests_properties(mutants.fit PROPERTIES LABELS tidy TIMEOUT 60)

# The documents say what the code does, and the programs they show are programs.
set(docs python3 ${PROJECT_SOURCE_DIR}/tests/docs/docs.py)
if(TOCSIN_SANITIZE)
  set(docs_sanitize -fsanitize=${TOCSIN_SANITIZE})
endif()
add_test(NAME docs.checks_catch_their_examples COMMAND ${docs} --self-test)
add_test(NAME docs.tree COMMAND ${docs})
add_test(NAME docs.programs
         COMMAND ${docs} --programs ${CMAKE_CXX_COMPILER} -std=c++23 -Wall -Wextra -Wpedantic
                 -Wconversion -Wshadow -Werror ${docs_sanitize} -I${PROJECT_SOURCE_DIR} SOURCE
                 $<TARGET_FILE:tocsin> ${LIBURING_LINK_LIBRARIES} -pthread -o PROGRAM)
set_tests_properties(docs.checks_catch_their_examples docs.tree docs.programs
                     PROPERTIES LABELS docs TIMEOUT 60)

# What is installed works outside the tree. An instrumented library is nothing to install.
if(TOCSIN_INSTALL AND NOT TOCSIN_SANITIZE)
  add_test(NAME install.consumer COMMAND ${PROJECT_SOURCE_DIR}/tests/install/run.sh
           ${PROJECT_BINARY_DIR} ${CMAKE_CXX_COMPILER})
  set_tests_properties(install.consumer PROPERTIES LABELS install TIMEOUT 300)
endif()

# The programs of bench/, with tiny amounts of work. Nothing else has built them.
if(TOCSIN_BENCH AND NOT TOCSIN_SANITIZE)
  add_test(NAME bench.build
           COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target bench_tested)
  add_test(NAME bench.works
           COMMAND python3 ${PROJECT_SOURCE_DIR}/tests/bench/bench_test.py ${CMAKE_BINARY_DIR})
  set_tests_properties(bench.build PROPERTIES FIXTURES_SETUP bench)
  set_tests_properties(bench.works PROPERTIES FIXTURES_REQUIRED bench)
  set_tests_properties(bench.build bench.works PROPERTIES LABELS bench TIMEOUT 600)
endif()
