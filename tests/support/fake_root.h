/* A made-up /proc and /sys below a folder of its own. */
#ifndef LIMNER_TESTS_SUPPORT_FAKE_ROOT_H
#define LIMNER_TESTS_SUPPORT_FAKE_ROOT_H

#include "tests/support/support.h"

extern char *fake_root;

/* Writes a file below the root, and makes the folders on the way. */
void fake_file(const char *path, const char *text);
/* For cmocka's setup and teardown. */
int fake_root_make(void **state);
int fake_root_remove(void **state);

#endif
