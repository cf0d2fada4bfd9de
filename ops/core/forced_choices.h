/*
 * What a caller inside the library demands of convolutions and products where costs decide otherwise: how else would a
 * test run every algorithm on every geometry? A table of kernels points to it (struct kernels); the tables that
 * kernels_get() and kernels_exact() give have none. Whoever uses it copies a table and sets the pointer.
 *
 * A choice that a geometry does not allow is an error of the call's prepare() or join(), STATUS_UNSUPPORTED: never is
 * another one taken in silence. Sizes are upper bounds, which always apply. Threads still change no bit of a result;
 * sizes of the depth do, as the order of sums does.
 */
#ifndef LIMNER_OPS_CORE_FORCED_CHOICES_H
#define LIMNER_OPS_CORE_FORCED_CHOICES_H

#include "ops/kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

enum forced_answer { FORCED_NOTHING, FORCED_NO, FORCED_YES };

/* All zero: costs decide over everything. */
struct forced_choices {
    /* Convolutions on channel blocks. A phase with a single tap has direct sums alone, whatever `winograd` says. */
    enum forced_answer winograd;
    /* Sets of choices for Winograd, bit 1u << choice for each; 0: all, by their costs. */
    unsigned kinds[2]; /* enum filter_kind, of y and x */
    unsigned weights;  /* enum filter_weights */
    /* How threads share Winograd out. */
    enum forced_answer shared; /* a block or round; NO is not for weights in pairs */
    enum forced_answer apart;  /* threads go apart; for weights in pairs alone */
    /* Sizes for Winograd: channel blocks of a panel, a stretch and a cut of the depth; tiles; what stands together. */
    int64_t panel, stretch, cut, block, segment, sets, images;
    /* Direct sums: numbers of a cut of the depth and pixels of a piece; phases, or parts for each thread. */
    int64_t depth, piece;
    enum forced_answer together, parts;
    /* Few output channels: rows beside each other, 1 or 2; outputs of a row that are made at once. */
    int64_t beside, outputs;
    /* Two convolutions as one: rows of a stripe, stripes of a band. */
    enum forced_answer fused;
    int64_t stripe, band;
    /* Products with a constant right side: one level of Strassen's algorithm; pairs of rows, channel blocks of a cut.
     */
    enum forced_answer strassen;
    int64_t pairs, halves_cut;
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
