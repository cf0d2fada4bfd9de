/* Rectangles: where the holes are, and how a large picture is cut. */
#ifndef LIMNER_TOOLS_INPAINT_REGIONS_H
#define LIMNER_TOOLS_INPAINT_REGIONS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct rect {
    size_t x, y, width, height;
};

struct rect_list {
    struct rect *items; /* on the heap */
    size_t count;
};

/*
 * One rectangle round each connected hole, `margin` wider on every side as far as the picture goes. It begins
 * at multiples of `multiple`, and ends at one or with the picture, so that it lies on the grid of a model's strides.
 * Holes whose rectangles overlap, or that are within a few pixels of each other, share one. The caller frees
 * list->items.
 */
status regions_find(const uint8_t *hole, size_t width, size_t height, size_t margin, size_t multiple,
                    struct rect_list *list, struct error *err);

#endif
