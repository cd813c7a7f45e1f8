# SPDX-License-Identifier: MIT
install(TARGETS tocsin EXPORT tocsinTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
