#include "tools/engine/image_decoder.h"

#include "tools/files/picture_file.h"

#include <stdlib.h>
#include <string.h>

/* A picture's samples as RGB of 8 bits: gray three times, the upper half of 16 bits, without alpha. */
static void fill(const struct picture *picture, unsigned char *to) {
    const size_t pixels = picture->width * picture->height, channels = (size_t)picture->channels;
    const int shift = picture->depth == 16 ? 8 : 0;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            to[3 * i + c] = (unsigned char)(picture_sample(picture, i * channels + (channels < 3 ? 0 : c)) >> shift);
}

limner_status decode_image(void *context, const void *data, size_t bytes, limner_image *image, limner_error *error) {
    struct picture picture = {.samples = NULL};
    struct error err;
    (void)context;
    status code = picture_recognise(data, bytes) == PICTURE_FOREIGN
                      ? picture_refuse(data, bytes, &err)
                      : picture_decode(data, bytes, PICTURE_MAX_PIXELS, &picture, &err);
    if (code == STATUS_OK) {
        image->width = (int64_t)picture.width;
        image->height = (int64_t)picture.height;
        image->samples = malloc(picture.width * picture.height * 3 + 1);
        code = image->samples ? STATUS_OK : fail_memory(&err, "a picture");
    }
    if (code == STATUS_OK)
        fill(&picture, image->samples);
    picture_free(&picture);
    if (code != STATUS_OK && error) {
        error->status = (limner_status)code;
        memcpy(error->message, err.message, strlen(err.message) + 1);
    }
    return (limner_status)code;
}
