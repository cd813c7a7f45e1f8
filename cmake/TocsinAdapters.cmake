# SPDX-License-Identifier: MIT
#
# tocsin/adapters/NAME puts another library, which has descriptors and time-outs of its own, on the
# loop. Each is a library beside `tocsin`, tocsin_NAME (alias tocsin::NAME), and is built if the
# other library is there: the core depends on none of them. NAME_test is its test binary; examples
# that include one of its headers are built with it; an installed one is asked for by
# find_package(tocsin COMPONENTS NAME).

set(tocsin_adapters "")  # The names of those that are built.

# tocsin_adapter(NAME PACKAGE [options...]): PACKAGE is the other library's name for pkg-config; the
# options are those of tocsin_test, for its tests.
function(tocsin_adapter name package)
  set(foreign TOCSIN_${name})
  string(TOUPPER ${foreign} foreign)
  pkg_check_modules(${foreign} QUIET IMPORTED_TARGET ${package})
  if(NOT ${foreign}_FOUND)
    message(STATUS "No ${package}: tocsin::${name} is not built")
    return()
  endif()
  set(tocsin_adapters ${tocsin_adapters} ${name} PARENT_SCOPE)

  set(folder ${PROJECT_SOURCE_DIR}/tocsin/adapters/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/internal/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.hpp)
  list(FILTER headers EXCLUDE REGEX "_testing\\.hpp$")

  add_library(tocsin_${name} STATIC ${sources})
  add_library(tocsin::${name} ALIAS tocsin_${name})
  set_target_properties(tocsin_${name} PROPERTIES EXPORT_NAME ${name}
                        VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(tocsin_${name} PUBLIC
                 FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_link_libraries(tocsin_${name} PUBLIC tocsin PRIVATE PkgConfig::${foreign}
                                              $<BUILD_INTERFACE:tocsin_settings>)
  if(TOCSIN_TESTS AND tests)
    tocsin_test(${name}_test SOURCES ${tests} LINK tocsin_${name} PkgConfig::${foreign}
                ${ARGN})
  endif()
  if(TOCSIN_INSTALL)
    tocsin_install_adapter(${name} ${foreign} ${package})
  endif()
endfunction()

# Its targets, and a file that finds what they need: tocsinConfig.cmake includes it for COMPONENTS.
function(tocsin_install_adapter name foreign package)
  include(GNUInstallDirs)
  set(to ${CMAKE_INSTALL_LIBDIR}/cmake/tocsin)
  install(TARGETS tocsin_${name} EXPORT tocsin_${name}_targets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
  install(EXPORT tocsin_${name}_targets NAMESPACE tocsin:: DESTINATION ${to}
          COMPONENT development)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/tocsin_${name}.cmake @ONLY CONTENT
"pkg_check_modules(@foreign@ REQUIRED QUIET IMPORTED_TARGET @package@)
include(\${CMAKE_CURRENT_LIST_DIR}/tocsin_@name@_targets.cmake)
")
  install(FILES ${PROJECT_BINARY_DIR}/generated/tocsin_${name}.cmake DESTINATION ${to}
          COMPONENT development)
endfunction()

tocsin_adapter(cares libcares)
tocsin_adapter(sdbus libsystemd)
tocsin_adapter(pq libpq TOGETHER TIMEOUT 180)
tocsin_adapter(curl libcurl>=7.87)
