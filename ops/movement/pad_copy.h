/* Rows of an output of Pad, put together of what lies in the input, in the input again, or nowhere. */
#ifndef LIMNER_OPS_MOVEMENT_PAD_COPY_H
#define LIMNER_OPS_MOVEMENT_PAD_COPY_H

#include "base/tensor.h"

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

/* One axis: output index i is source position i - before, where 0..extent-1 are elements from `crop` on. */
struct pad_axis {
    int64_t before, extent, size; /* size: of the output */
    int64_t crop;                 /* input elements that nothing reads at the start */
    int64_t stride;               /* bytes, of the input */
    bool padded;
};

/* What there is to do: rows of the output's last axis, each put together of runs of blocks. */
struct pad_state {
    enum pad_mode mode;
    int rank; /* >= 1 */
    struct pad_axis axes[MAX_RANK];
    size_t block;   /* bytes that lie together in input and output */
    size_t element; /* bytes of the value that fills */
    int64_t offset; /* bytes from the input's start to the first element that is not cropped */
    size_t rows;
    int64_t row_bytes; /* of the output */
};

struct pad_copy {
    const struct pad_state *state;
    char *to;                        /* the first row of the output */
    const char *from;                /* the first element of the input that is not cropped */
    char value[sizeof(struct text)]; /* what fills, in the data's type */
};

/* Rows begin .. end - 1, for parallel_blocks; context is a struct pad_copy. */
void pad_copy_rows(void *context, size_t begin, size_t end);

#endif
