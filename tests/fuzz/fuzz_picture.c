/* Pictures of every kind through the one door, and again after they were saved with all that their files said. */
#include "tools/files/colour.h"
#include "tools/files/picture_file.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void save_and_read(const struct picture *picture, enum picture_type type, const struct picture_saving *saving) {
    struct picture again;
    struct byte_buffer file;
    struct error err;
    char lost[ABOUT_LOST_BYTES];
    picture_lost(picture, picture->about, type, saving, lost);
    if (picture_save(picture, picture->about, type, saving, &file, &err))
        return; /* sides that the format cannot have */
    require(picture_decode(file.data, file.size, MAX_PIXELS, &again, &err) == STATUS_OK);
    require(again.width == picture->width && again.height == picture->height);
    free(file.data);
    picture_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct picture_saving plain = {0}, all = {90, true, true, false};
    struct error err;
    struct picture picture;
    if (picture_decode(data, size, MAX_PIXELS, &picture, &err))
        return 0;
    require(picture.width && picture.height && picture.width * picture.height <= MAX_PIXELS);
    for (int type = PICTURE_PNG; type <= PICTURE_PNM && picture.width * picture.height < 4096; type++)
        if (picture_kind((enum picture_type)type)->is_written) {
            save_and_read(&picture, (enum picture_type)type, &plain);
            save_and_read(&picture, (enum picture_type)type, &all);
        }
    if (colour_to_srgb(&picture, &err) == STATUS_OK)
        colour_from_srgb(&picture, picture.about, &err);
    picture_free(&picture);
    return 0;
}
