# Which glslc and spirv-val do the shaders for matrix units. Debian 12's know neither extension, so
# another glslc may serve for these shaders alone: the one in drivers/glslc (see tools/fetch-drivers),
# or the one that RV_GLSLC_COOPMAT names. For COOPMAT (GL_KHR_cooperative_matrix) and COOPMAT2
# (GL_NV_cooperative_matrix2) this sets
#   RV_HAVE_COOPMAT        whether they can be built; defined for C, too
#   RV_COOPMAT_GLSLC       the compiler
#   RV_COOPMAT_TARGET      the environment to compile for
#   RV_COOPMAT_SPIRV_VAL   a validator that knows them, or empty
# Asked afresh whenever CMake configures, since drivers/glslc comes and goes.
set(RV_GLSLC_COOPMAT "" CACHE FILEPATH "A glslc for the cooperative matrix shaders; found if empty")

function(rv_probe_coopmat kind extension target)
  set(probe ${PROJECT_SOURCE_DIR}/shaders/probe)
  set(spv ${PROJECT_BINARY_DIR}/CMakeFiles/probe.spv)
  string(TOLOWER ${kind} name)
  if(RV_GLSLC_COOPMAT)
    set(compilers ${RV_GLSLC_COOPMAT})
  else()
    set(compilers ${GLSLC} ${PROJECT_SOURCE_DIR}/drivers/glslc/glslc)
  endif()
  foreach(compiler IN LISTS compilers)
    execute_process(COMMAND ${compiler} -Werror --target-env=${target} -o ${spv} ${probe}/${name}.comp
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(NOT failed STREQUAL 0)
      continue()
    endif()
    get_filename_component(beside ${compiler} DIRECTORY)
    foreach(validator IN ITEMS ${SPIRV_VAL} ${beside}/spirv-val)
      execute_process(COMMAND ${validator} --target-env ${target} ${spv}
                      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
      if(failed STREQUAL 0)
        set(RV_${kind}_SPIRV_VAL ${validator} PARENT_SCOPE)
        break()
      endif()
    endforeach()
    if(NOT failed STREQUAL 0)
      message(STATUS "${extension}: its shaders go unchecked, no spirv-val here knows it")
    endif()
    message(STATUS "${extension}: compiled by ${compiler}")
    set(RV_HAVE_${kind} TRUE PARENT_SCOPE)
    set(RV_${kind}_GLSLC ${compiler} PARENT_SCOPE)
    set(RV_${kind}_TARGET ${target} PARENT_SCOPE)
    return()
  endforeach()
  message(STATUS "${extension}: left out, no glslc here knows it (tools/fetch-drivers glslc gets one)")
endfunction()

# The second is defined for SPIR-V 1.6 only, which no device older than Vulkan 1.3 takes.
rv_probe_coopmat(COOPMAT GL_KHR_cooperative_matrix vulkan1.2)
rv_probe_coopmat(COOPMAT2 GL_NV_cooperative_matrix2 vulkan1.3)
foreach(kind COOPMAT COOPMAT2)
  if(RV_HAVE_${kind})
    add_compile_definitions(RV_HAVE_${kind})
  endif()
endforeach()
