/* .npy files: whatever is read must be written and read again to the same array, but for strings that are no UTF-8. */
#include "tools/files/npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool are_equal(const struct tensor *a, const struct tensor *b) {
    if (a->dtype != DTYPE_STRING)
        return memcmp(a->data, b->data, a->bytes) == 0;
    const struct text *left = a->data, *right = b->data;
    for (size_t i = 0; i < a->bytes / sizeof *left; i++)
        if (left[i].length != right[i].length ||
            (left[i].length && memcmp(left[i].bytes, right[i].bytes, left[i].length) != 0))
            return false;
    return true;
}

static bool is_ascii(const struct tensor *tensor) {
    const struct text *texts = tensor->data;
    for (size_t i = 0; i < tensor->bytes / sizeof *texts; i++)
        for (size_t at = 0; at < texts[i].length; at++)
            if ((unsigned char)texts[i].bytes[at] > 127)
                return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err;
    struct tensor first, second;
    struct byte_buffer file;
    if (npy_read(data, size, &first, &err))
        return 0;
    if (npy_write(&first, &file, &err)) {
        require(first.dtype == DTYPE_STRING && !is_ascii(&first));
        free(first.data);
        return 0;
    }
    require(npy_read(file.data, file.size, &second, &err) == STATUS_OK);
    require(first.dtype == second.dtype && shape_equal(&first.shape, &second.shape) && first.bytes == second.bytes);
    require(are_equal(&first, &second));
    free(file.data);
    free(first.data);
    free(second.data);
    return 0;
}
