#include "tools/files/orientation.h"

#include <stdlib.h>
#include <string.h>

/* Of each orientation: rows become columns first, then columns and rows run backwards. */
static const struct turn {
    bool transposed, mirrored, flipped;
} turns[] = {{false, false, false}, {false, false, false}, {false, true, false},
             {false, true, true},   {false, false, true},  {true, false, false},
             {true, true, false},   {true, true, true},    {true, false, true}};

static void copy_pixel(void *to, const void *from, size_t at, size_t source, size_t bytes) {
    memcpy((unsigned char *)to + at * bytes, (const unsigned char *)from + source * bytes, bytes);
}

static void turn_samples(const struct picture *from, struct picture *to, const struct turn *turn, size_t bytes) {
    for (size_t y = 0; y < to->height; y++) {
        const size_t row = turn->flipped ? to->height - 1 - y : y;
        for (size_t x = 0; x < to->width; x++) {
            const size_t column = turn->mirrored ? to->width - 1 - x : x;
            const size_t source = turn->transposed ? column * from->width + row : row * from->width + column;
            copy_pixel(to->samples, from->samples, y * to->width + x, source, bytes);
        }
    }
}

static status turn_picture(struct picture *picture, int orientation, struct error *err) {
    const struct turn *turn = &turns[orientation];
    struct picture to = *picture;
    if (orientation <= ORIENTATION_UPRIGHT)
        return STATUS_OK;
    if (turn->transposed) {
        to.width = picture->height;
        to.height = picture->width;
    }
    const status code = picture_allocate(&to, SIZE_MAX, err);
    if (code)
        return code;
    turn_samples(picture, &to, turn, (size_t)picture->channels * (size_t)picture->depth / 8);
    free(picture->samples);
    *picture = to;
    return STATUS_OK;
}

status picture_turn_upright(struct picture *picture, int orientation, struct error *err) {
    return turn_picture(picture, orientation, err);
}

/* A quarter to the right is undone by one to the left; all others undo themselves. */
status picture_turn_back(struct picture *picture, int orientation, struct error *err) {
    return turn_picture(picture, orientation == 6 ? 8 : orientation == 8 ? 6 : orientation, err);
}
