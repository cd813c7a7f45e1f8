# SPDX-License-Identifier: MIT
#
# tests/differential: the same system calls on Linux and on vkern. The program fuzz_differential
# (./dev fuzz-differential), tests of the fuzzer itself, its corpus, and a slice from a fixed seed.
# Where it may not run at all, for an ordinary user, the slice says so and is skipped.
# An instrumented vkern is slow; what it finds, it finds early.
set(slice_seconds 120)
if(TOCSIN_SANITIZE)
  set(slice_seconds 20)
endif()
set(TOCSIN_DIFFERENTIAL_SLICE_SECONDS ${slice_seconds} CACHE STRING
    "How long the test differential.slice runs")

set(folder ${PROJECT_SOURCE_DIR}/tests/differential)
file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
set(tests ${sources})
list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")

add_library(tocsin_differential OBJECT ${sources})
target_link_libraries(tocsin_differential PUBLIC tocsin_settings tocsin)
add_executable(fuzz_differential ${folder}/main.cpp)
target_link_libraries(fuzz_differential PRIVATE tocsin_differential)

tocsin_test(differential_test SOURCES ${tests} LINK tocsin_differential)
target_compile_definitions(differential_test PRIVATE
  TOCSIN_DIFFERENTIAL_CORPUS="${folder}/corpus" TOCSIN_C_COMPILER="cc")

add_test(NAME differential.slice
         COMMAND fuzz_differential --seed 1 --seconds ${TOCSIN_DIFFERENTIAL_SLICE_SECONDS}
                 --save ${CMAKE_BINARY_DIR}/differential.txt)
math(EXPR limit "${TOCSIN_DIFFERENTIAL_SLICE_SECONDS} * 2 + 120")
# It takes longest and needs one processor: the first to start, so that it is not waited for.
set_tests_properties(differential.slice PROPERTIES LABELS differential TIMEOUT ${limit}
                     SKIP_RETURN_CODE 77 COST ${TOCSIN_DIFFERENTIAL_SLICE_SECONDS})

# The tiers in which time passes and threads wait need less of the processor than of time.
add_test(NAME differential.time
         COMMAND fuzz_differential --tier 2 --seed 1 --seconds 10 --jobs 16
                 --save ${CMAKE_BINARY_DIR}/differential-time.txt)
set_tests_properties(differential.time PROPERTIES
  LABELS differential TIMEOUT 120 SKIP_RETURN_CODE 77)

# TCP and UDP in a network of its own, and real-time threads: what a machine may forbid is said, and
# the test skipped.
add_test(NAME differential.inet
         COMMAND fuzz_differential --tier 3 --seed 1 --seconds 10
                 --save ${CMAKE_BINARY_DIR}/differential-inet.txt)
set_tests_properties(differential.inet PROPERTIES
  LABELS differential TIMEOUT 120 SKIP_RETURN_CODE 77)
add_test(NAME differential.blocking
         COMMAND fuzz_differential --tier 4 --seed 1 --seconds 10
                 --save ${CMAKE_BINARY_DIR}/differential-blocking.txt)
set_tests_properties(differential.blocking PROPERTIES
  LABELS differential TIMEOUT 120 SKIP_RETURN_CODE 77)
