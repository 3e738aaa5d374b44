# The server's page: web/ bundled by esbuild, its files written as a C++ source in the build folder. Sets page_source;
# without esbuild there is none, and the server answers `/` with a line of text.
set(page_source "")
if(NEWBIE_PAGE)
  find_program(ESBUILD esbuild)
  if(ESBUILD)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    set(bundle ${CMAKE_BINARY_DIR}/page)
    set(page_source ${CMAKE_BINARY_DIR}/page_files.cpp)
    file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/*.ts ${CMAKE_SOURCE_DIR}/web/*.css
                                                    ${CMAKE_SOURCE_DIR}/web/*.html ${CMAKE_SOURCE_DIR}/examples/prompts/*)
    add_custom_command(
      OUTPUT ${page_source}
      COMMAND ${CMAKE_COMMAND} -E rm -rf ${bundle}
      COMMAND ${ESBUILD} ${CMAKE_SOURCE_DIR}/web/main.ts --bundle --minify --format=esm --target=es2022
              --loader:.xml=text --loader:.txt=text --entry-names=[name]-[hash] --outdir=${bundle} --log-level=warning
      COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/tools/embed_page.py ${CMAKE_SOURCE_DIR}/web ${bundle}
              ${page_source}
      DEPENDS ${web_sources} ${CMAKE_SOURCE_DIR}/tools/embed_page.py
      VERBATIM)
    set_source_files_properties(${page_source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  else()
    message(STATUS "esbuild was not found: newbie serve will have no page (Debian: esbuild)")
  endif()
endif()
