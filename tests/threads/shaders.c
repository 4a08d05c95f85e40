// The embedded shaders, compiled with this folder's sanitizer.
#include "rv_shaders.c"
