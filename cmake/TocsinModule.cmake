# SPDX-License-Identifier: MIT
#
# A module is a folder tocsin/NAME. Its x.cpp go into the object library tocsin_NAME, its x_test.cpp
# into the test binary NAME_test; x_testing.hpp are helpers for tests and are not installed.

set(tocsin_modules "")  # The object libraries so far, bottom-up.
# Modules whose tests are run twice, by one binary: on Linux, and on the kernel in user space.
set(tocsin_on_kernels loop task source net file http)
# Modules whose headers are most of what is tested: their tests are compiled as the library is.
set(tocsin_in_headers base task)

# tocsin_test(NAME SOURCES files... LINK libraries... [TIMEOUT seconds] [AS_SHIPPED] [TOGETHER]): a
# GoogleTest binary, its cases known to ctest; TOGETHER: one test to ctest, in one process, for
# cases that share what takes long to start. What it tests is compiled as it is shipped; its own
# sources with TOCSIN_TEST_OPTIONS besides, for they are most of what there is to compile.
# AS_SHIPPED: without them, where those sources instantiate the code under test.
function(tocsin_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "AS_SHIPPED;TOGETHER" "TIMEOUT" "SOURCES;LINK")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE tocsin_settings ${arg_LINK} GTest::gtest GTest::gmock
                                        GTest::gtest_main)
  if(NOT arg_AS_SHIPPED)
    target_compile_options(${name} PRIVATE ${TOCSIN_TEST_OPTIONS})
  endif()
  string(REGEX REPLACE "_test$" "" prefix ${name})
  if(NOT arg_TOGETHER)
    tocsin_discover(${name} ${prefix} ${arg_TIMEOUT})
    return()
  endif()
  add_test(NAME ${prefix} COMMAND ${name})
  set_tests_properties(${prefix} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS ${prefix}_test
                       ENVIRONMENT UBSAN_OPTIONS=print_stacktrace=1)
endfunction()

# tocsin_discover(TARGET PREFIX TIMEOUT [EXTRA_ARGS arguments...]): its cases as PREFIX/SUITE.CASE.
function(tocsin_discover target prefix timeout)
  # PRE_TEST: the binary is asked for its cases when ctest runs, so building one never runs it.
  # The prefix keeps two suites of one name in two binaries apart.
  gtest_discover_tests(${target} ${ARGN} TEST_PREFIX ${prefix}/ TEST_LIST ${prefix}_cases
    NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${timeout} LABELS ${prefix}_test
               ENVIRONMENT UBSAN_OPTIONS=print_stacktrace=1)
endfunction()

function(tocsin_module name)
  set(folder ${PROJECT_SOURCE_DIR}/tocsin/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/internal/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  if(NOT sources)  # Headers only, or nothing yet; an object library must have a file.
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/generated/${name}_has_no_source.cpp)
    file(CONFIGURE OUTPUT ${sources} CONTENT "")
  endif()
  add_library(tocsin_${name} OBJECT ${sources})
  target_link_libraries(tocsin_${name} PUBLIC tocsin_settings)
  if(name STREQUAL "http")
    find_package(Boost 1.74 REQUIRED)
    target_link_libraries(tocsin_${name} PUBLIC Boost::headers)
  endif()

  set(tocsin_modules ${tocsin_modules} tocsin_${name})
  set(tocsin_modules ${tocsin_modules} PARENT_SCOPE)
  if(NOT TOCSIN_TESTS OR NOT tests)
    return()
  endif()
  if(name IN_LIST tocsin_on_kernels)
    set(main ${PROJECT_SOURCE_DIR}/tests/kernels/main.cpp)
    if(name STREQUAL "task")  # Knows executors, and no kernel.
      set(main ${PROJECT_SOURCE_DIR}/tests/kernels/task_main.cpp)
    endif()
  endif()
  set(as_shipped "")
  if(name IN_LIST tocsin_in_headers)
    set(as_shipped AS_SHIPPED)
  endif()
  tocsin_test(${name}_test SOURCES ${tests} ${main} LINK ${tocsin_modules} ${as_shipped})
  if(name IN_LIST tocsin_on_kernels)
    tocsin_discover(${name}_test ${name}_on_vkern 60 EXTRA_ARGS --kernel=vkern)
  endif()
endfunction()

# All headers but helpers of tests; of internal/ ones only those that a public one includes.
function(tocsin_public_headers out)
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tocsin/*.hpp)
  list(FILTER all EXCLUDE REGEX "_testing\\.hpp$|/tocsin/adapters/")
  set(public ${all})
  list(FILTER public EXCLUDE REGEX "/internal/")
  set(unread ${public})
  while(unread)
    list(POP_FRONT unread header)
    file(STRINGS ${header} includes REGEX "^#include \"tocsin/.*/internal/")
    foreach(line IN LISTS includes)
      string(REGEX REPLACE "^#include \"([^\"]*)\".*" "\\1" included "${line}")
      set(included ${PROJECT_SOURCE_DIR}/${included})
      if(included IN_LIST all AND NOT included IN_LIST public)
        list(APPEND public ${included})
        list(APPEND unread ${included})
      endif()
    endforeach()
  endwhile()
  set(${out} ${public} PARENT_SCOPE)
endfunction()

# The library `tocsin` (alias tocsin::tocsin), made of all modules declared so far.
function(tocsin_library)
  add_library(tocsin STATIC)
  add_library(tocsin::tocsin ALIAS tocsin)
  foreach(module IN LISTS tocsin_modules)
    target_sources(tocsin PRIVATE $<TARGET_OBJECTS:${module}>)
  endforeach()
  set_target_properties(tocsin PROPERTIES LINKER_LANGUAGE CXX)
  target_compile_features(tocsin PUBLIC cxx_std_23)
  target_include_directories(tocsin PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(tocsin PUBLIC PkgConfig::LIBURING Threads::Threads)
  if(TOCSIN_SANITIZE)  # Whoever links an instrumented library needs the sanitizer's runtime.
    target_link_options(tocsin PUBLIC -fsanitize=${TOCSIN_SANITIZE})
  endif()

  # The public headers are installed, and each is compiled on its own by
  # `ninja tocsin_verify_interface_header_sets`.
  tocsin_public_headers(headers)
  if(headers)
    target_sources(tocsin PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
    set_target_properties(tocsin PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()
