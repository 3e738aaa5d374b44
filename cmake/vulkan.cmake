# The Vulkan backend: its shaders are compiled to SPIR-V and built into the program. It needs Vulkan's headers
# (libvulkan-dev) and glslangValidator (glslang-tools) when the program is built, and neither when it runs. Without them
# the program is built without it, and `newbie devices` says so.
option(NEWBIE_VULKAN "Build the Vulkan backend" ON)
find_path(VULKAN_INCLUDE_DIR vulkan/vulkan_core.h)
find_program(GLSLANG_VALIDATOR glslangValidator)
set(vulkan_missing "")
if(NOT NEWBIE_VULKAN)
  set(vulkan_missing "NEWBIE_VULKAN is off")
elseif(NOT VULKAN_INCLUDE_DIR)
  set(vulkan_missing "no vulkan/vulkan_core.h (Debian: libvulkan-dev)")
elseif(NOT GLSLANG_VALIDATOR)
  set(vulkan_missing "no glslangValidator (Debian: glslang-tools)")
endif()
if(vulkan_missing)
  message(STATUS "Vulkan backend: not built: ${vulkan_missing}")
else()
  message(STATUS "Vulkan backend: built, shaders by ${GLSLANG_VALIDATOR}")
endif()

# Shaders for matrix units need glslang 13 or later: neither Debian 12's 12.0 nor its glslc 2023.2 knows the extension.
set(vulkan_matrix_units OFF)
if(NOT vulkan_missing)
  execute_process(
    COMMAND ${GLSLANG_VALIDATOR} -V --target-env vulkan1.2 -g0 --quiet -I${CMAKE_SOURCE_DIR}/src/backend/vulkan/shaders
            -o ${CMAKE_BINARY_DIR}/matrix_units_probe.spv
            ${CMAKE_SOURCE_DIR}/src/backend/vulkan/shaders/matrix_units.comp
    RESULT_VARIABLE probed OUTPUT_QUIET ERROR_QUIET)
  if(probed EQUAL 0)
    set(vulkan_matrix_units ON)
    message(STATUS "Vulkan backend: with shaders for matrix units")
  else()
    message(STATUS "Vulkan backend: without shaders for matrix units: this compiler does not know GL_KHR_cooperative_matrix, glslang 13 or later does")
  endif()
endif()

# newbie_shader(NAME SOURCE FLAGS…): vulkan_shaders/NAME.h, an array shader_NAME.
set(vulkan_shaders "")
function(newbie_shader name source)
  set(folder ${CMAKE_SOURCE_DIR}/src/backend/vulkan/shaders)
  set(header ${CMAKE_BINARY_DIR}/generated/vulkan_shaders/${name}.h)
  file(GLOB included CONFIGURE_DEPENDS ${folder}/*.glsl)
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${GLSLANG_VALIDATOR} -V --target-env vulkan1.2 -g0 --quiet ${ARGN} -I${folder} --vn shader_${name} -o ${header}
            ${folder}/${source}.comp
    DEPENDS ${folder}/${source}.comp ${included}
    VERBATIM)
  set(vulkan_shaders ${vulkan_shaders} ${header} PARENT_SCOPE)
endfunction()

# newbie_vulkan(TARGET): adds the backend's shaders to the room that holds it.
function(newbie_vulkan target)
  if(vulkan_missing)
    return()
  endif()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated/vulkan_shaders)
  foreach(name attention group_norm mean_rows move norm pointwise quantise_rows softmax)
    newbie_shader(${name} ${name})
  endforeach()
  newbie_shader(matrix_direct matrix)
  newbie_shader(matrix_tiled matrix -DTILED)
  newbie_shader(matrix_int8_direct matrix_int8)
  newbie_shader(matrix_int8_tiled matrix_int8 -DTILED)
  if(vulkan_matrix_units)
    newbie_shader(matrix_units_f16 matrix_units)
    newbie_shader(matrix_units_int8 matrix_units -DINT8)
    set_property(SOURCE src/backend/vulkan/shaders.cpp APPEND PROPERTY COMPILE_DEFINITIONS NEWBIE_MATRIX_UNIT_SHADERS)
  endif()
  target_sources(${target} PRIVATE ${vulkan_shaders})
  set_source_files_properties(src/backend/vulkan/shaders.cpp PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/generated)
  target_include_directories(${target} SYSTEM PRIVATE ${VULKAN_INCLUDE_DIR})
  target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
endfunction()
