#include "tests/support/some_picture.h"

#include "tools/files/picture_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

status try_picture(const void *data, size_t size, size_t max_pixels, char *message) {
    struct error err = {STATUS_OK, ""};
    struct picture picture;
    unsigned char *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, data, size);
    const status code = picture_decode(exact, size, max_pixels, &picture, &err);
    if (code)
        assert_null(picture.samples);
    picture_free(&picture);
    free(exact);
    if (message)
        strcpy(message, err.message);
    return code;
}

struct picture random_picture(struct random *random, int channels, int depth, size_t width, size_t height) {
    struct error err = {STATUS_OK, ""};
    struct picture picture = {width, height, channels, depth, NULL, NULL};
    assert_int_equal(picture_allocate(&picture, PICTURE_MAX_PIXELS, &err), STATUS_OK);
    for (size_t i = 0; i < width * height * (size_t)channels; i++)
        picture_set_sample(&picture, i, (unsigned)random_int(random, 0, picture_peak(&picture)));
    return picture;
}
