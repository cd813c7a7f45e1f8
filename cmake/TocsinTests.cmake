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
