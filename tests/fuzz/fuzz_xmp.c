/* XMP packets: what is kept is bounded, has no picture in it, and being corrected again changes nothing. */
#include "tools/files/xmp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static struct byte_buffer copy_of(const void *data, size_t size) {
    struct byte_buffer copy = {malloc(size ? size : 1), size};
    require(copy.data != NULL);
    if (size)
        memcpy(copy.data, data, size);
    return copy;
}

static bool holds(const struct byte_buffer *xmp, const char *word) {
    return xmp->size && memmem(xmp->data, xmp->size, word, strlen(word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct byte_buffer xmp = copy_of(data, size);
    struct error err;
    require(xmp_correct(&xmp, 6, 4000, 3, &err) == STATUS_OK);
    require(xmp.size <= size + 64 * 5 * 20 && !holds(&xmp, "Thumbnails") && !holds(&xmp, "xmpGImg:image") &&
            !holds(&xmp, "HasExtendedXMP"));
    struct byte_buffer again = copy_of(xmp.data, xmp.size);
    require(xmp_correct(&again, 6, 4000, 3, &err) == STATUS_OK);
    require(again.size == xmp.size && (!xmp.size || memcmp(again.data, xmp.data, xmp.size) == 0));
    free(again.data);
    free(xmp.data);
    return 0;
}
