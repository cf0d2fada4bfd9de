/* The left side of products of 8-bit integers, as ops/kernels/integer.h reads it. */
#ifndef LIMNER_OPS_QUANT_STEPS_H
#define LIMNER_OPS_QUANT_STEPS_H

#include "ops/kernels/integer.h"
#include "ops/quant/terms.h"

/*
 * Rows of `channels` by `taps` numbers each, the other way round where taps_outside. A step is some channels of a tap:
 * steps go by tap, and in that by channel.
 */
struct quant_rows {
    const struct integer_kernel *kernel;
    bool bytes;
    int64_t rows, channels, taps;
    bool taps_outside;
};

/* Numbers of a step: two words or four bytes. */
static inline int quant_step(bool bytes) {
    return bytes ? 4 : 2;
}
int64_t quant_steps(const struct quant_rows *rows);
/* Rows first .. of a panel; how many it has, and with those that it is filled up with. */
int quant_panel_rows(const struct quant_rows *rows, int64_t first, int *rounded);
/* Panels follow each other; ints of all of them, and where the one that begins with row `first` lies. */
int64_t quant_rows_ints(const struct quant_rows *rows);
static inline int64_t quant_panel_at(const struct quant_rows *rows, int64_t first) {
    return first * quant_steps(rows);
}
/*
 * Packs the panel that begins at row `first` of an int8 or uint8 matrix [rows][channels][taps]. Words are less the zero
 * point of their line, lines[first_line + row]. Bytes are made int8. sums[row]: of the numbers as they are packed.
 */
void quant_pack_rows(const struct quant_rows *rows, enum dtype dtype, const void *data, int64_t first,
                     const struct quant_terms *zeros, int64_t first_line, int32_t *packed, int32_t *sums);

#endif
