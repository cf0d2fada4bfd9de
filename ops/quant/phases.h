/*
 * The input of a convolution of 8-bit integers so that every tap reads its numbers side by side, of all output
 * positions: a picture with its border, rows as wide as the widest output row and its taps, one picture for each
 * residue of the taps' places modulo the stride. Nothing is unfolded. Outputs are computed for all places of the
 * picture; those beyond the end of an output's row are dropped.
 */
#ifndef LIMNER_OPS_QUANT_PHASES_H
#define LIMNER_OPS_QUANT_PHASES_H

#include "ops/conv/window.h"
#include "ops/kernels/integer.h"

struct quant_phases {
    const struct integer_kernel *kernel;
    const struct window *window;
    bool bytes;
    int64_t blocks;                           /* steps of a place: the channels of a group, some to a step */
    int64_t residues[SPATIAL], size[SPATIAL]; /* pictures of a dimension, and their size */
    int64_t pictures, plane;                  /* of a block of channels; places of a picture */
    int64_t taps, columns;                    /* places that have outputs, and what lies between them */
    size_t bytes_all;                         /* of all groups of an image */
};

/* False where that is too large. */
bool quant_phases_of(const struct window *window, const struct integer_kernel *kernel, bool bytes,
                     struct quant_phases *phases);
/* places[tap * blocks + block], in bytes, for struct integer_tile. */
void quant_phases_places(const struct quant_phases *phases, int64_t *places);
/* An image of the input: `flip` as in struct integer_weave, zero behind it. */
struct quant_image {
    const struct quant_phases *phases;
    const uint8_t *x;
    uint8_t flip;
    int zero;
    uint32_t *to;
};
/* Planes first .. end - 1 of all pictures, a body for team_for(); context: a struct quant_image. */
int64_t quant_phases_planes(const struct quant_phases *phases);
void quant_phases_fill(void *context, int64_t first, int64_t end);

#endif
