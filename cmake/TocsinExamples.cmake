# SPDX-License-Identifier: MIT
#
# examples/x.cpp is a complete program: target example_x, bin/examples/x.
file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.cpp)
list(FILTER examples EXCLUDE REGEX "_test\\.cpp$")
add_custom_target(examples)
foreach(source IN LISTS examples)
  get_filename_component(name ${source} NAME_WE)
  # One that includes tocsin/adapters/NAME is linked with tocsin_NAME, or left out without it.
  file(STRINGS ${source} adapters REGEX "^#include \"tocsin/adapters/")
  list(TRANSFORM adapters REPLACE "^#include \"tocsin/adapters/([^/]*)/.*" "\\1")
  list(REMOVE_DUPLICATES adapters)
  set(missing ${adapters})
  list(REMOVE_ITEM missing ${tocsin_adapters} "")
  if(missing)
    continue()
  endif()
  list(TRANSFORM adapters PREPEND tocsin_)
  add_executable(example_${name} ${source})
  set_target_properties(example_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/examples)
  target_link_libraries(example_${name} PRIVATE tocsin_settings tocsin ${adapters})
  add_dependencies(examples example_${name})
endforeach()
