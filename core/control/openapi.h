/* control/openapi.h: openapi.yaml, as the build put it into the program (core/CMakeLists.txt). */
#ifndef CONTROL_OPENAPI_H
#define CONTROL_OPENAPI_H
#include <stddef.h>

extern const unsigned char openapi_yaml[];
extern const size_t openapi_yaml_len;
#endif
