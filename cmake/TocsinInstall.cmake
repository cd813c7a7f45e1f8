# SPDX-License-Identifier: MIT
#
# cmake --install: public headers, libtocsin.a, tocsinConfig.cmake and tocsin.pc (all component
# `development`), and the program.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tocsin)

install(TARGETS tocsin EXPORT tocsinTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT tocsinTargets NAMESPACE tocsin:: DESTINATION ${package_dir} COMPONENT development)

configure_package_config_file(cmake/tocsinConfig.cmake.in generated/tocsinConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Below 1.0 every minor version may change the interface.
write_basic_package_version_file(generated/tocsinConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/tocsinConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/tocsinConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

# The prefix is found from where the .pc lies, so that an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/tocsin.pc.in generated/tocsin.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/tocsin.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(TARGET tocsin_program)
  install(TARGETS tocsin_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()
