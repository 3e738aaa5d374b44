# The Debian package: `./dev package`, or cpack --preset deb. It has what `cmake --install` installs, under /usr.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME newbie)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "newbie.cpp maintainers <maintainers@newbie.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "text to pictures with NewBie-image models, on the CPU")
set(CPACK_PACKAGE_DESCRIPTION
"newbie draws pictures from text with the NewBie-image family of models. It
runs on the CPU, without Python, and brings a small trained model along.
.
The package has the program, its C library libnewbie with the header
newbie.h, and the model.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What Debian wants to find under its own names.
set(deb_changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.Debian)
file(WRITE ${deb_changelog} "newbie (${PROJECT_VERSION}-1) unstable; urgency=low

  * Made by CPack from this version's sources.

 -- ${CPACK_PACKAGE_CONTACT}  Sun, 22 Nov 2026 00:00:00 +0000
")
find_program(GZIP_PROGRAM gzip REQUIRED)
execute_process(COMMAND ${GZIP_PROGRAM} -9nf ${deb_changelog} COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${deb_changelog}.gz packaging/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

# How other packages depend on the library, and that the loader's cache is made anew.
if(NEWBIE_CAPI)
  set(deb_control ${CMAKE_CURRENT_BINARY_DIR}/deb)
  file(WRITE ${deb_control}/shlibs "libnewbie ${PROJECT_VERSION_MAJOR} newbie (>= ${PROJECT_VERSION})\n")
  file(WRITE ${deb_control}/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deb_control}/shlibs ${deb_control}/triggers)
endif()

include(CPack)
