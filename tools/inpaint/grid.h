/* --mask-grid: small maps of integers. */
#ifndef LIMNER_TOOLS_INPAINT_GRID_H
#define LIMNER_TOOLS_INPAINT_GRID_H

#include "tools/inpaint/network.h"

/* From a .npy file or a gray picture. The caller frees grid->values. */
status grid_read(const char *path, size_t max_pixels, struct mask_grid *grid, struct error *err);

#endif
