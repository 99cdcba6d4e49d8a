# cmake -DFROM=file -DTO=file.c -P embed.cmake: openapi.yaml as an array of bytes.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${TO} "#include \"control/openapi.h\"\nconst unsigned char openapi_yaml[] = {${bytes}};\n"
                 "const size_t openapi_yaml_len = sizeof(openapi_yaml);\n")
