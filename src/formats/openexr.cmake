# OpenEXR's interface for C is one of the libraries that its module names, and needs none of the
# others, which are C++.
if(OPENEXR_FOUND)
  set(core ${OPENEXR_LIBRARIES})
  list(FILTER core INCLUDE REGEX OpenEXRCore)
  find_library(RV_OPENEXR_CORE NAMES ${core} HINTS ${OPENEXR_LIBRARY_DIRS})
  if(core AND RV_OPENEXR_CORE)
    set(EXR_FOUND TRUE)
    add_library(PkgConfig::EXR INTERFACE IMPORTED)
    target_include_directories(PkgConfig::EXR SYSTEM INTERFACE ${OPENEXR_INCLUDE_DIRS})
    target_link_libraries(PkgConfig::EXR INTERFACE ${RV_OPENEXR_CORE})
  endif()
endif()
