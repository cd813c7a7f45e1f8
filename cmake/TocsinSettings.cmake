# SPDX-License-Identifier: MIT
#
# tocsin_settings: how every file of ours is compiled, and what the core is linked with. Its
# dependencies (liburing, threads) are repeated for those who link an installed tocsin, in
# tocsinConfig.cmake.in and tocsin.pc.in.

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

  # Both are conveniences: used if they are there, never asked for.
  find_program(TOCSIN_CCACHE ccache)
  if(TOCSIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${TOCSIN_CCACHE})
  endif()
  find_program(TOCSIN_MOLD mold)
  if(TOCSIN_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing)

add_library(tocsin_settings INTERFACE)
target_compile_features(tocsin_settings INTERFACE cxx_std_23)
target_include_directories(tocsin_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(tocsin_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${TOCSIN_WERROR}>:-Werror>)
# g++ guesses the target of a virtual call when one file has a single candidate, and pays for the
# guess at every call: on the path of a message the candidate is never the one.
target_compile_options(tocsin_settings INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-fno-devirtualize-speculatively>)
target_link_libraries(tocsin_settings INTERFACE PkgConfig::LIBURING Threads::Threads)

if(TOCSIN_SANITIZE)
  target_compile_options(tocsin_settings INTERFACE
    -fsanitize=${TOCSIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tocsin_settings INTERFACE -fsanitize=${TOCSIN_SANITIZE})
  if(TOCSIN_SANITIZE MATCHES "undefined")
    # To judge a vptr, UBSan's runtime looks at the object through a pipe. Where a test has used up
    # the descriptors there is none, and every object is called invalid. ASan sees what is gone.
    target_compile_options(tocsin_settings INTERFACE -fno-sanitize=vptr)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees uninitialised members in std::expected once it is instrumented; there are none.
    target_compile_options(tocsin_settings INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
