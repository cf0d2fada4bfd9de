/* JPEG: what is read has the size that it says, and is written and read again as a picture of the same kind. */
#include "tools/files/picture.h"
#include "tools/files/picture_jpeg.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* 95 of 100 is fine enough that a flat picture stays what it was, but for rounding. */
static void check_flat(const struct picture *first, const struct picture *again) {
    const size_t count = first->width * first->height * (size_t)first->channels;
    const unsigned char *a = first->samples, *b = again->samples;
    for (size_t i = (size_t)first->channels; i < count; i++)
        if (a[i] != a[i - (size_t)first->channels])
            return;
    for (size_t i = 0; i < count; i++)
        require(abs(a[i] - b[i]) <= 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct picture picture = {0}, again = {0};
    struct byte_buffer file;
    struct error err = {STATUS_OK, ""};
    if (jpeg_decode(data, size, MAX_PIXELS, &picture, &err)) {
        require(err.message[0] && !picture.samples);
        return 0;
    }
    require(picture.depth == 8 && (picture.channels == 1 || picture.channels == 3));
    require(picture.width * picture.height <= MAX_PIXELS);
    require(jpeg_encode(&picture, 95, &file, &err) == STATUS_OK);
    require(jpeg_decode(file.data, file.size, MAX_PIXELS, &again, &err) == STATUS_OK);
    require(again.width == picture.width && again.height == picture.height && again.channels == picture.channels);
    check_flat(&picture, &again);
    free(file.data);
    picture_free(&again);
    picture_free(&picture);
    return 0;
}
