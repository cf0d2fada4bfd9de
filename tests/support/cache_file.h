/* Where tests of stored weights have their files. */
#ifndef LIMNER_TESTS_SUPPORT_CACHE_FILE_H
#define LIMNER_TESTS_SUPPORT_CACHE_FILE_H

#define CACHE_PATH_BYTES 256

/* The path of a file of the folder, in `path`. */
char *cache_name(const char *folder, const char *name, char path[CACHE_PATH_BYTES]);

#endif
