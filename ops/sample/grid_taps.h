/* GridSample: which elements of a picture a place of the grid meets. */
#ifndef LIMNER_OPS_SAMPLE_GRID_TAPS_H
#define LIMNER_OPS_SAMPLE_GRID_TAPS_H

#include "base/tensor.h"

#include <stdint.h>

#define GRID_AXES 3 /* spatial dimensions, at most */
#define GRID_TAPS 4 /* of a dimension, at most */

enum grid_mode { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC };
enum grid_padding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION };

struct grid_params {
    enum grid_mode mode;
    enum grid_padding padding;
    bool align_corners;
};

/* Along one dimension: the elements, and how much of each; -1 for what is outside and counts as zero. */
struct grid_taps {
    int count;
    int64_t index[GRID_TAPS];
    double weight[GRID_TAPS];
};

/* Of a number of the grid, -1..1 within the picture, for a dimension of `size` elements, at least 1. The grid's type
 * decides where halves are rounded to. */
void grid_find_taps(const struct grid_params *params, double number, bool single, int64_t size, struct grid_taps *taps);
int grid_tap_count(enum grid_mode mode);

#endif
