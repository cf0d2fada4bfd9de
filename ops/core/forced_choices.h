/*
 * Choices that a caller inside the library demands of convolutions and products, so that tests run every algorithm on
 * every geometry; otherwise costs decide. A table of kernels points to them (struct kernels): those of kernels_get()
 * and kernels_exact() have none, the caller copies one and sets the pointer.
 *
 * A choice that a geometry does not allow is an error of prepare() or fuse(), STATUS_UNSUPPORTED; no other choice is
 * taken instead. Sizes are upper bounds, which always apply. The number of threads still changes no bit of a result;
 * sizes of the depth do, because they are the order of sums.
 */
#ifndef LIMNER_OPS_CORE_FORCED_CHOICES_H
#define LIMNER_OPS_CORE_FORCED_CHOICES_H

#include "ops/kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

enum forced_answer { FORCED_NOTHING, FORCED_NO, FORCED_YES };

/* All zero: costs decide over everything. */
struct forced_choices {
    /* Convolutions on channel blocks. A phase with a single tap is always computed directly. */
    enum forced_answer winograd;
    /* Sets of choices, bit 1u << choice for each; 0: all, by their costs. */
    unsigned kinds[2]; /* enum winograd_kind, of y and x */
    unsigned weights;  /* enum winograd_weights */
    /* How threads divide Winograd's work among them. */
    enum forced_answer shared;      /* all share a wave; NO is not for WINOGRAD_IN_KERNEL weights */
    enum forced_answer independent; /* each has panels of its own; YES only for WINOGRAD_IN_KERNEL weights */
    /* Winograd: channel blocks of a panel, a k-slice and a k-block; tiles of a tile group and a segment; of a wave. */
    int64_t panel, k_slice, k_block, tile_group, segment, grids, images;
    /* Direct: numbers of the depth of a k-block; positions of a macro tile. */
    int64_t depth, macro_positions;
    enum forced_answer phases_together; /* phases are walked as one */
    enum forced_answer parts;           /* every thread has a part of the positions */
    enum forced_answer few_outputs;     /* for a plain input, where direct sums and Winograd may do it, too */
    enum forced_answer planes;          /* NO: a depthwise convolution of plain tensors goes through channel blocks */
    /*
     * Few outputs: rows of the output that are computed together, 1 or 2; columns of a band (grouped: of a strip;
     * planes: rows).
     */
    int64_t rows_together, band_columns;
    /* Two convolutions fused: rows of a row tile, row tiles of a band. */
    enum forced_answer fused;
    int64_t row_tile, band;
    int product; /* 1 + enum product_way (ops/matmul/product.h); 0: costs decide */
    /* Products with a constant right side: one level of Strassen's algorithm; pairs of rows, channel blocks of a
     * k-block.
     */
    enum forced_answer strassen;
    int64_t pairs, halves_k_block;
};

/* Never NULL. */
const struct forced_choices *forced_choices_of(const struct kernels *kernels);

static inline bool forced_decide(enum forced_answer answer, bool otherwise) {
    return answer == FORCED_NOTHING ? otherwise : answer == FORCED_YES;
}
/* Whether a choice is in the set; `otherwise` where none is demanded. */
static inline bool forced_in(unsigned set, int choice, bool otherwise) {
    return set ? set >> choice & 1 : otherwise;
}
static inline int64_t forced_size(int64_t demanded, int64_t size) {
    return demanded && demanded < size ? demanded : size;
}

#endif
