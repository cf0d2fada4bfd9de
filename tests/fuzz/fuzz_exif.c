/* EXIF data alone: reading and making true, which may write inside the data only. */
#include "tools/files/exif.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exif_facts facts;
    unsigned char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    exif_read(copy, size, &facts);
    require(facts.orientation >= 1 && facts.orientation <= 8);
    exif_has_notes(copy, size);
    for (int orientation = 1; orientation <= 8; orientation += 5)
        if (exif_correct(copy, size, orientation, 40, 70000)) {
            exif_read(copy, size, &facts);
            require(facts.orientation == orientation);
        }
    free(copy);
    return 0;
}
