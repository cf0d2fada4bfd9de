/* Pictures (PNG, and JPEG behind the same door), and what is made of them. */
#include "tools/files/picture_file.h"
#include "tools/files/picture_tensor.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Through a tensor of four channels, which keeps everything that a picture says. */
static void pass_through_tensor(const struct picture *picture) {
    static const int64_t dims[] = {1, 4, -1, -1};
    const struct picture_place place = {"input", "x", DTYPE_FLOAT, 4, dims};
    const struct picture_form form = {.low = -1, .high = 1};
    struct picture again;
    struct tensor tensor;
    struct error err;
    size_t nan;
    require(picture_to_tensor(picture, &place, &form, &tensor, &err) == STATUS_OK);
    require(tensor_to_picture(&tensor, &form, picture->depth, &again, &nan, &err) == STATUS_OK);
    const size_t pixels = picture->width * picture->height, channels = (size_t)picture->channels;
    for (size_t i = 0; i < pixels; i++) {
        require(picture_sample(&again, 4 * i) == picture_sample(picture, channels * i));
        if (picture_has_alpha(picture))
            require(picture_sample(&again, 4 * i + 3) == picture_sample(picture, channels * (i + 1) - 1));
    }
    picture_free(&again);
    free(tensor.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err;
    struct picture picture, again;
    struct byte_buffer file;
    if (picture_decode(data, size, MAX_PIXELS, &picture, &err))
        return 0;
    pass_through_tensor(&picture);
    require(picture_encode(&picture, PICTURE_PNG, &file, &err) == STATUS_OK);
    require(picture_decode(file.data, file.size, MAX_PIXELS, &again, &err) == STATUS_OK);
    require(again.width == picture.width && again.channels == picture.channels && again.depth == picture.depth);
    require(memcmp(again.samples, picture.samples,
                   picture.width * picture.height * (size_t)(picture.channels * picture.depth / 8)) == 0);
    free(file.data);
    picture_free(&again);
    picture_free(&picture);
    return 0;
}
