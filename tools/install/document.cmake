# Run by cpack once the files of the packages lie in their folders: adds what Debian's policy asks of
# every package, and of no installation by hand.
find_program(GZIP gzip REQUIRED)
find_program(STRIP strip REQUIRED)

function(compress file to)
  execute_process(COMMAND ${GZIP} -9 -n -c ${file} OUTPUT_FILE ${to} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX})
  set(documents ${root}/share/doc/${CPACK_RV_COMPONENT_${component}})
  file(MAKE_DIRECTORY ${documents})
  file(REMOVE ${documents}/LICENSE) # which goes by this name:
  file(COPY_FILE ${CPACK_RV_SOURCE}/LICENSE ${documents}/copyright)
  compress(${CMAKE_CURRENT_LIST_DIR}/changelog ${documents}/changelog.gz)
  file(COPY ${CPACK_RV_SOURCE}/weights/NOTICE.md DESTINATION ${documents})
  file(GLOB pages ${root}/share/man/man1/*.1)
  foreach(page IN LISTS pages)
    compress(${page} ${page}.gz)
    file(REMOVE ${page})
  endforeach()
  if(EXISTS ${root}/share/zsh/site-functions) # Debian keeps that for local ones
    file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
  endif()
  file(GLOB_RECURSE archives ${root}/lib/*.a) # cpack strips all but these
  foreach(archive IN LISTS archives)
    execute_process(COMMAND ${STRIP} --strip-debug ${archive} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endforeach()
