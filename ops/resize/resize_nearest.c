#include "ops/resize/resize_nearest.h"

#include "base/sizes.h"
#include "ops/core/channel_blocks.h"
#include "ops/core/parallel.h"
#include "ops/kernels/families.h"
#include "ops/kernels/resize.h"

#include <string.h>

/* The output as rows along the last dimension that changes; an element of a row is everything behind that. */
struct nearest {
    const struct op_call *call;
    int outer;               /* dimensions before that one */
    int64_t sizes[MAX_RANK]; /* of the output */
    int64_t ins[MAX_RANK];
    const struct resize_taps *const *taps;
    const struct resize_taps *row;
    size_t element; /* bytes */
};

/* Where a row of the output is, and the row of the input that it is made of. */
struct row_place {
    int64_t at[MAX_RANK], source[MAX_RANK]; /* source[d]: of the dimensions up to d */
};

/* From dimension d inwards, after at[] has changed there. */
static void find_source(const struct nearest *n, int d, struct row_place *place) {
    for (; d < n->outer; d++) {
        const int64_t at = n->taps[d] ? n->taps[d]->first[place->at[d]] : place->at[d];
        place->source[d] = (d ? place->source[d - 1] * n->ins[d] : 0) + at;
    }
}

static void place_row(const struct nearest *n, int64_t row, struct row_place *place) {
    for (int d = n->outer - 1; d >= 0; d--) {
        place->at[d] = row % n->sizes[d];
        row /= n->sizes[d];
    }
    find_source(n, 0, place);
}

static void next_row(const struct nearest *n, struct row_place *place) {
    int d = n->outer - 1;
    while (d > 0 && ++place->at[d] == n->sizes[d])
        place->at[d--] = 0;
    if (d == 0)
        place->at[0]++;
    if (d >= 0 && place->at[0] < n->sizes[0])
        find_source(n, d, place);
}

#define PICK(NAME, T)                                                                  \
    static void NAME(const char *in, char *out, const int32_t *first, int64_t count) { \
        const T *x = (const void *)in;                                                 \
        T *y = (void *)out;                                                            \
        for (int64_t o = 0; o < count; o++)                                            \
            y[o] = x[first[o]];                                                        \
    }
struct pair {
    uint64_t low, high;
};
struct lanes {
    float lane[CHANNEL_BLOCK];
};
PICK(pick_1, uint8_t)
PICK(pick_2, uint16_t)
PICK(pick_8, uint64_t)
PICK(pick_16, struct pair)
PICK(pick_lanes, struct lanes)

static void pick_bytes(const char *in, char *out, const int32_t *first, int64_t count, size_t element) {
    for (int64_t o = 0; o < count; o++)
        memcpy(out + (size_t)o * element, in + (size_t)first[o] * element, element);
}

static void pick_row(const struct nearest *n, const char *in, char *out) {
    const struct resize_taps *taps = n->row;
    const struct resize_line line = {taps->in, taps->out, 1, 1, taps->first, taps->windows, NULL, in, out};
    switch (n->element) {
    case 1:
        pick_1(in, out, taps->first, taps->out);
        break;
    case 2:
        pick_2(in, out, taps->first, taps->out);
        break;
    case 4:
        resize_kernel_of(n->call->kernels)->pick(&line);
        break;
    case 8:
        pick_8(in, out, taps->first, taps->out);
        break;
    case sizeof(struct pair):
        pick_16(in, out, taps->first, taps->out);
        break;
    case sizeof(struct lanes):
        pick_lanes(in, out, taps->first, taps->out);
        break;
    default:
        pick_bytes(in, out, taps->first, taps->out, n->element);
    }
}

static void pick_rows(void *context, size_t begin, size_t end) {
    const struct nearest *n = context;
    const size_t in_bytes = (size_t)n->row->in * n->element, out_bytes = (size_t)n->row->out * n->element;
    const char *in = n->call->inputs[0]->data;
    char *out = (char *)n->call->outputs[0]->data + begin * out_bytes;
    struct row_place place;
    int64_t before = -1;
    place_row(n, (int64_t)begin, &place);
    for (size_t row = begin; row < end; row++, out += out_bytes, next_row(n, &place)) {
        const int64_t source = n->outer ? place.source[n->outer - 1] : 0;
        if (source == before)
            memcpy(out, out - out_bytes, out_bytes);
        else
            pick_row(n, in + (size_t)source * in_bytes, out);
        before = source;
    }
}

/* ---- twice as many rows and columns ---- */

static bool doubles(const struct resize_taps *taps) {
    bool doubles = taps && taps->out == 2 * taps->in;
    for (int64_t o = 0; doubles && o < taps->out; o++)
        doubles = taps->first[o] == o / 2;
    return doubles;
}

/* Rows and columns of pictures of 4-byte elements, and nothing else: wherever a picture ends, rows go on. */
static bool is_doubling(const struct nearest *n) {
    for (int d = 0; d + 1 < n->outer; d++)
        if (n->taps[d])
            return false;
    return n->outer > 0 && n->element == 4 && doubles(n->row) && doubles(n->taps[n->outer - 1]);
}

static void double_rows(void *context, size_t begin, size_t end) {
    const struct nearest *n = context;
    const int64_t columns = n->row->in;
    const float *x = n->call->inputs[0]->data;
    float *y = n->call->outputs[0]->data;
    resize_kernel_of(n->call->kernels)
        ->twice(x + (int64_t)begin * columns, (int64_t)(end - begin), columns, y + (int64_t)begin * columns * 4);
}

void resize_nearest(const struct op_call *call, const struct resize_taps *const *taps) {
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    struct nearest n = {.call = call, .outer = -1, .taps = taps, .element = dtype_size(x->dtype)};
    int64_t rows = 1;
    for (int d = 0; d < x->shape.rank; d++) {
        n.sizes[d] = y->shape.dims[d];
        n.ins[d] = x->shape.dims[d];
        if (taps[d])
            n.outer = d;
    }
    if (n.outer < 0) {
        memmove(y->data, x->data, y->bytes);
        return;
    }
    n.row = taps[n.outer];
    for (int d = 0; d < x->shape.rank; d++) {
        if (d < n.outer)
            rows *= n.sizes[d];
        if (d > n.outer)
            n.element *= (size_t)n.sizes[d];
    }
    const size_t row_bytes = (size_t)n.row->out * n.element;
    if (is_doubling(&n))
        parallel_blocks((size_t)rows / 2, 1 + 2 * PARALLEL_ELEMENTS / row_bytes, call->threads, double_rows, &n);
    else
        parallel_blocks((size_t)rows, 1 + 4 * PARALLEL_ELEMENTS / row_bytes, call->threads, pick_rows, &n);
}
