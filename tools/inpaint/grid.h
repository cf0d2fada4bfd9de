/* --mask-grid: small maps of integers. */
#ifndef LIMNER_TOOLS_INPAINT_GRID_H
#define LIMNER_TOOLS_INPAINT_GRID_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* The integers for a key/value network, by place. */
struct mask_grid {
    size_t height, width; /* 0: none given; no place is connected then */
    int64_t *values;
};

/* From a .npy file or a gray picture. The caller frees grid->values. */
status grid_read(const char *path, size_t max_pixels, struct mask_grid *grid, struct error *err);

#endif
