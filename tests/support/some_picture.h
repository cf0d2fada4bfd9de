/* Pictures of random samples, and decoding what may be none. */
#ifndef LIMNER_TESTS_SUPPORT_SOME_PICTURE_H
#define LIMNER_TESTS_SUPPORT_SOME_PICTURE_H

#include "tests/support/support.h"
#include "tools/files/picture.h"

/* What decoding says; message (may be NULL) gets its words. */
status try_picture(const void *data, size_t size, size_t max_pixels, char *message);
struct picture random_picture(struct random *random, int channels, int depth, size_t width, size_t height);

#endif
