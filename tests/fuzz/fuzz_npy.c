/* .npy files: whatever is read must be written and read again to the same array. */
#include "tools/files/npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err;
    struct tensor first, second;
    struct byte_buffer file;
    if (npy_read(data, size, &first, &err))
        return 0;
    require(npy_write(&first, &file, &err) == STATUS_OK);
    require(npy_read(file.data, file.size, &second, &err) == STATUS_OK);
    require(first.dtype == second.dtype && shape_equal(&first.shape, &second.shape) && first.bytes == second.bytes);
    require(memcmp(first.data, second.data, first.bytes) == 0);
    free(file.data);
    free(first.data);
    free(second.data);
    return 0;
}
