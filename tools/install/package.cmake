# `cpack` makes Debian packages: the program; the shared library; what is needed to build with it; the
# module for Python; and, if it was built, the filter for video editors. Configured with -DCMAKE_INSTALL_PREFIX=/usr, libraries go where Debian has them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME reverie)
set(CPACK_PACKAGE_VENDOR "The Reverie authors")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(RV_PACKAGE_MAINTAINER "The Reverie authors <reverie@packages.invalid>" CACHE STRING
    "Who answers for the Debian packages: Name <address>")
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${RV_PACKAGE_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL program library development python)
if(TARGET reverie_frei0r)
  list(APPEND CPACK_COMPONENTS_ALL frei0r)
endif()

set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(about "Reverie runs a picture through the network InceptionV3, takes the gradient of
chosen layers with respect to the picture, and climbs it, until what the
network sees grows out of the image. Any device with Vulkan 1.2 will do, a
processor included.")
# The loader is opened at run time, so that nobody but us can name it.
set(loader "libvulkan1")

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME reverie)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS ${loader})
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "mesa-vulkan-drivers | vulkan-icd")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS npm)
# What `reverie live` loads when it is needed.
if(SDL2_FOUND)
  string(APPEND CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS ", libsdl2-2.0-0")
endif()
if(LIBAV_FOUND)
  string(REGEX MATCH "^[0-9]+" version "${LIBAV_libavdevice_VERSION}")
  string(APPEND CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS ", libavdevice${version}")
endif()
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "DeepDream on any Vulkan device
${about}

This package holds the program. Its weights are fetched by one command, for
which it needs npm.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libreverie0)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS ${loader})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_RECOMMENDS "mesa-vulkan-drivers | vulkan-icd")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "DeepDream on any Vulkan device: shared library
${about}

This package holds the library that other programs dream with.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libreverie-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libreverie0 (= ${PROJECT_VERSION}), \
libjansson-dev, libmd-dev")
if(HDF5_FOUND)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libhdf5-dev")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS libvulkan-dev)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "DeepDream on any Vulkan device: development files
${about}

This package holds the headers, the archive, and what pkg-config and CMake
find them by.")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-reverie)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SHLIBDEPS OFF)
math(EXPR next "${PROJECT_VERSION_MINOR} + 1") # whose interface may be another
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3:any, python3-numpy, \
libreverie0 (>= ${PROJECT_VERSION}), libreverie0 (<< ${PROJECT_VERSION_MAJOR}.${next}~)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/python/postinst
                                              ${CMAKE_CURRENT_LIST_DIR}/python/prerm)
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "DeepDream on any Vulkan device: module for Python
${about}

This package holds the module for Python 3, which dreams on arrays of NumPy.")

set(CPACK_DEBIAN_FREI0R_PACKAGE_NAME frei0r-plugin-reverie)
set(CPACK_DEBIAN_FREI0R_PACKAGE_SECTION video)
set(CPACK_DEBIAN_FREI0R_PACKAGE_DEPENDS ${loader})
set(CPACK_DEBIAN_FREI0R_PACKAGE_RECOMMENDS "mesa-vulkan-drivers | vulkan-icd")
set(CPACK_DEBIAN_FREI0R_PACKAGE_SUGGESTS "kdenlive | shotcut | melt | ffmpeg")
set(CPACK_DEBIAN_FREI0R_PACKAGE_ENHANCES "kdenlive, shotcut, melt, ffmpeg")
set(CPACK_COMPONENT_FREI0R_DESCRIPTION "DeepDream on any Vulkan device: filter for video editors
${about}

This package holds the filter for hosts of frei0r, such as Kdenlive, Shotcut,
melt and ffmpeg, and its description for Kdenlive.")

# Every package documents itself, as Debian's policy asks.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/document.cmake)
set(CPACK_RV_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_RV_COMPONENT_program reverie)
set(CPACK_RV_COMPONENT_library libreverie0)
set(CPACK_RV_COMPONENT_development libreverie-dev)
set(CPACK_RV_COMPONENT_python python3-reverie)
set(CPACK_RV_COMPONENT_frei0r frei0r-plugin-reverie)
include(CPack)
