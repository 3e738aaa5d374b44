# The Debian packages, split as Debian does: `./dev package`, or cpack --preset deb. The program, the C library, what is
# needed to build against it, and the model apart.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME newbie)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "newbie.cpp maintainers <maintainers@newbie.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL program library development model)
if(NEWBIE_CAPI AND CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  list(APPEND CPACK_COMPONENTS_ALL python3)  # cmake/install_library.cmake
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(deb_version ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
set(deb_library libnewbie${PROJECT_VERSION_MAJOR})

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME newbie)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "newbie-model-avatar, libvulkan1")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
"text to pictures with NewBie-image models, on the CPU
newbie draws pictures from text with the NewBie-image family of models. It
runs on the CPU, without Python. A small trained model is in the package
newbie-model-avatar.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${deb_library})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SUGGESTS "newbie-model-avatar, libvulkan1")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
"text to pictures with NewBie-image models, C library
libnewbie draws pictures from text with the NewBie-image family of models,
for programs in C and in every language that calls C.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnewbie-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${deb_library} (= ${deb_version})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "newbie-model-avatar")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"text to pictures with NewBie-image models, for developers
The header of libnewbie, and what pkg-config and CMake need to link it.")

set(CPACK_DEBIAN_PYTHON3_PACKAGE_NAME python3-newbie)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_DEPENDS "python3 (>= 3.9), python3-pil, ${deb_library} (= ${deb_version})")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_SUGGESTS "newbie-model-avatar, python3-numpy, python3-tqdm")
set(CPACK_COMPONENT_PYTHON3_DESCRIPTION
"text to pictures with NewBie-image models, for Python
import newbie draws pictures from text with the NewBie-image family of
models, under the names that diffusers has, without PyTorch.")

set(CPACK_DEBIAN_MODEL_PACKAGE_NAME newbie-model-avatar)
set(CPACK_DEBIAN_MODEL_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_MODEL_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_MODEL_PACKAGE_ENHANCES "newbie, ${deb_library}")
set(CPACK_COMPONENT_MODEL_DESCRIPTION
"small trained model of the NewBie-image family
A model that draws faces, a few megabytes large: for trying newbie and for
testing what uses it.")

# What Debian wants to find under its own names, in every package.
set(deb_folder ${CMAKE_CURRENT_BINARY_DIR}/deb)
set(deb_changelog ${deb_folder}/changelog.Debian)
file(WRITE ${deb_changelog} "newbie (${deb_version}) unstable; urgency=low

  * Made by CPack from this version's sources.

 -- ${CPACK_PACKAGE_CONTACT}  Sun, 22 Nov 2026 00:00:00 +0000
")
find_program(GZIP_PROGRAM gzip REQUIRED)
execute_process(COMMAND ${GZIP_PROGRAM} -9nf ${deb_changelog} COMMAND_ERROR_IS_FATAL ANY)
foreach(pair program:newbie library:${deb_library} development:libnewbie-dev python3:python3-newbie
             model:newbie-model-avatar)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  install(FILES ${deb_changelog}.gz packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
          COMPONENT ${component})
endforeach()

# How other packages depend on the library, and that the loader's cache is made anew.
file(WRITE ${deb_folder}/shlibs "libnewbie ${PROJECT_VERSION_MAJOR} ${deb_library} (>= ${PROJECT_VERSION})\n")
file(WRITE ${deb_folder}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${deb_folder}/shlibs ${deb_folder}/triggers)

# Python modules are compiled where they are installed, and what that made goes with them.
file(WRITE ${deb_folder}/postinst "#!/bin/sh
set -e
if [ \"$1\" = configure ] && command -v py3compile >/dev/null; then py3compile -p python3-newbie; fi
")
file(WRITE ${deb_folder}/prerm "#!/bin/sh
set -e
if command -v py3clean >/dev/null; then py3clean -p python3-newbie; fi
")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_CONTROL_EXTRA ${deb_folder}/postinst ${deb_folder}/prerm)

include(CPack)
