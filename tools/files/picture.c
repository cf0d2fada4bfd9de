#include "tools/files/picture.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

status picture_allocate(struct picture *picture, size_t max_pixels, struct error *err) {
    size_t pixels, bytes;
    if (!size_mul(picture->width, picture->height, &pixels) || pixels > max_pixels)
        return fail(err, STATUS_LIMIT, "it has %zux%zu pixels, above the limit of %zu (--max-pixels)", picture->width,
                    picture->height, max_pixels);
    if (!size_mul(pixels, (size_t)picture->channels * (size_t)picture->depth / 8, &bytes))
        return fail_memory(err, "a picture");
    picture->samples = calloc(bytes ? bytes : 1, 1);
    return picture->samples ? STATUS_OK : fail_memory(err, "a picture");
}

status picture_copy(const struct picture *from, size_t max_pixels, struct picture *to, struct error *err) {
    *to = *from;
    to->samples = NULL;
    to->about = NULL;
    const status code = picture_allocate(to, max_pixels, err);
    if (!code)
        memcpy(to->samples, from->samples,
               from->width * from->height * (size_t)from->channels * (size_t)from->depth / 8);
    return code;
}

void picture_free(struct picture *picture) {
    free(picture->samples);
    about_free(picture->about);
    *picture = (struct picture){.samples = NULL};
}
