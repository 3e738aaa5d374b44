# What programs in C and C++ find of libnewbie: the library, its header, and how to link it, for pkg-config and for
# find_package(newbie), which gives newbie::newbie. And Python's package, where it is Debian's.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/newbie)
install(TARGETS newbie_c EXPORT newbie_targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
                                                       NAMELINK_COMPONENT development)
install(FILES apps/capi/newbie.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
# Debian's Python looks there; elsewhere pip installs the package.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  install(DIRECTORY python/newbie DESTINATION lib/python3/dist-packages COMPONENT python3
          PATTERN __pycache__ EXCLUDE)
endif()
# From the folder of newbie.pc up to the prefix: lib/pkgconfig, or lib/<machine>/pkgconfig as Debian has it.
file(RELATIVE_PATH NEWBIE_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(packaging/newbie.pc.in newbie.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/newbie.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
install(EXPORT newbie_targets FILE newbie-config.cmake NAMESPACE newbie:: DESTINATION ${package_folder}
        COMPONENT development)
write_basic_package_version_file(newbie-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/newbie-config-version.cmake DESTINATION ${package_folder}
        COMPONENT development)
