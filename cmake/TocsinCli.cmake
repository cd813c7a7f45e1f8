# SPDX-License-Identifier: MIT
#
# The program. All but main.cpp is an object library, so that tests call subcommands as functions.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.cpp
                                    ${PROJECT_SOURCE_DIR}/cli/bench/*.cpp)
set(tests ${sources})
list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")

add_library(tocsin_cli INTERFACE)  # What links it gets the objects and all they need.
if(sources)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  add_library(tocsin_cli_objects OBJECT ${sources})
  target_compile_definitions(tocsin_cli_objects PRIVATE TOCSIN_VERSION="${PROJECT_VERSION}")
  target_link_libraries(tocsin_cli_objects PUBLIC tocsin_settings tocsin CLI11::CLI11
                                                  fmt::fmt nlohmann_json::nlohmann_json)
  target_sources(tocsin_cli INTERFACE $<TARGET_OBJECTS:tocsin_cli_objects>)
  target_link_libraries(tocsin_cli INTERFACE tocsin_settings tocsin CLI11::CLI11 fmt::fmt)
endif()

if(EXISTS ${PROJECT_SOURCE_DIR}/cli/main.cpp)
  add_executable(tocsin_program ${PROJECT_SOURCE_DIR}/cli/main.cpp)
  set_target_properties(tocsin_program PROPERTIES OUTPUT_NAME tocsin)
  target_link_libraries(tocsin_program PRIVATE tocsin_cli)
endif()
if(TOCSIN_TESTS AND tests)
  tocsin_test(cli_unit_test SOURCES ${tests} LINK tocsin_cli)
endif()
