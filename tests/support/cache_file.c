#include "tests/support/cache_file.h"

#include <stdio.h>

char *cache_name(const char *folder, const char *name, char path[CACHE_PATH_BYTES]) {
    snprintf(path, CACHE_PATH_BYTES, "%s/%s", folder, name);
    return path;
}
