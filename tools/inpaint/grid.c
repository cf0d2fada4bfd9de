#include "tools/inpaint/grid.h"

#include "tools/files/element.h"
#include "tools/files/npy.h"
#include "tools/files/picture_file.h"

#include <stdlib.h>

static status allocate(struct mask_grid *grid, size_t height, size_t width, struct error *err) {
    grid->values = calloc(width, height * sizeof *grid->values);
    grid->height = height;
    grid->width = width;
    return grid->values ? STATUS_OK : fail_memory(err, "a mask grid");
}

static status from_tensor(const struct tensor *tensor, struct mask_grid *grid, struct error *err) {
    const struct shape *shape = &tensor->shape;
    const bool leading_ones = shape->rank == 2 || (shape->rank == 3 && shape->dims[0] == 1) ||
                              (shape->rank == 4 && shape->dims[0] == 1 && shape->dims[1] == 1);
    char text[SHAPE_TEXT_BYTES];
    if (!leading_ones || tensor_elements(tensor) < 1 || !element_is_number(tensor->dtype) ||
        element_is_float(tensor->dtype) || element_is_complex(tensor->dtype))
        return fail(err, STATUS_SHAPE, "a mask grid is integers [h,w] or [1,h,w], this is %s %s",
                    dtype_name(tensor->dtype), shape_text(shape, text));
    const size_t height = (size_t)shape->dims[shape->rank - 2], width = (size_t)shape->dims[shape->rank - 1];
    const status code = allocate(grid, height, width, err);
    for (size_t i = 0; !code && i < height * width; i++)
        grid->values[i] = (int64_t)element_get(tensor->dtype, tensor->data, i);
    return code;
}

static status from_picture(const struct picture *picture, struct mask_grid *grid, struct error *err) {
    const size_t channels = (size_t)picture->channels;
    const status code = allocate(grid, picture->height, picture->width, err);
    for (size_t i = 0; !code && i < picture->height * picture->width; i++) {
        const unsigned value = picture_sample(picture, i * channels);
        if (channels >= 3 &&
            (picture_sample(picture, i * channels + 1) != value || picture_sample(picture, i * channels + 2) != value))
            return fail(err, STATUS_INVALID_ARGUMENT, "a mask grid is a gray picture, this one has colours");
        grid->values[i] = (int64_t)value;
    }
    return code;
}

static status decode(const struct byte_buffer *bytes, size_t max_pixels, struct mask_grid *grid, struct error *err) {
    struct tensor tensor = {.data = NULL};
    struct picture picture = {.samples = NULL};
    status code;
    if (npy_recognise(bytes->data, bytes->size)) {
        code = npy_read(bytes->data, bytes->size, &tensor, err);
        if (!code)
            code = from_tensor(&tensor, grid, err);
    } else if (picture_name_of_bytes(bytes->data, bytes->size)) {
        code = picture_decode(bytes->data, bytes->size, max_pixels, &picture, err);
        if (!code)
            code = from_picture(&picture, grid, err);
    } else {
        code = fail(err, STATUS_INVALID_ARGUMENT, "neither a .npy array nor a picture");
    }
    free(tensor.data);
    picture_free(&picture);
    return code;
}

status grid_read(const char *path, size_t max_pixels, struct mask_grid *grid, struct error *err) {
    struct byte_buffer bytes;
    *grid = (struct mask_grid){0, 0, NULL};
    status code = file_read(path, &bytes, err);
    if (code)
        return code;
    code = decode(&bytes, max_pixels, grid, err);
    free(bytes.data);
    return code ? fail_prefix(err, "%s", path) : STATUS_OK;
}
