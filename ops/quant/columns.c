#include "ops/quant/columns.h"

#include "base/checked.h"
#include "base/simd.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/quant/steps.h"

#include <string.h>

static int64_t steps_of(const struct quant_columns *c) {
    return divide_up(c->depth, quant_step(c->bytes));
}

static int64_t tiles_of(const struct quant_columns *c) {
    return divide_up(c->columns, c->kernel->columns);
}

size_t quant_columns_bytes(const struct quant_columns *c) {
    size_t ints;
    if (c->depth < 0 || c->columns < 0 || c->columns > INT64_MAX / 64 || c->depth > INT64_MAX / 64)
        return 0;
    const size_t columns = (size_t)(tiles_of(c) * c->kernel->columns);
    if (!size_mul((size_t)steps_of(c) + 1, columns, &ints) || !size_mul(ints, sizeof(uint32_t), &ints))
        return 0;
    return ints + sizeof(uint32_t);
}

const uint32_t *quant_column_sums(const struct quant_columns *c, const uint32_t *packed) {
    return packed + tiles_of(c) * c->kernel->columns * steps_of(c);
}

struct columns_packing {
    const struct quant_columns *columns;
    const uint8_t *data;
    uint32_t *packed;
};

/* Adds the numbers of a step, of those bits that are there. */
static void add_step(bool bytes, const uint32_t *steps, uint32_t there, int64_t count, uint32_t *sums) {
    if (!bytes) {
        SIMD for (int64_t i = 0; i < count; i++) sums[i] += (steps[i] & there & 65535) + ((steps[i] & there) >> 16);
        return;
    }
    SIMD for (int64_t i = 0; i < count; i++) {
        const uint32_t pairs = (steps[i] & there & 0x00ff00ff) + ((steps[i] & there) >> 8 & 0x00ff00ff);
        sums[i] += (pairs & 65535) + (pairs >> 16);
    }
}

/* Numbers beyond the end of the depth meet zeros, but do not count. */
static void pack_tile(const struct columns_packing *packing, int64_t tile) {
    const struct quant_columns *c = packing->columns;
    const int64_t width = c->kernel->columns, column0 = tile * width, steps = steps_of(c);
    const int64_t count = at_most(c->columns - column0, width);
    const int size = quant_step(c->bytes);
    uint32_t *to = packing->packed + column0 * steps, *sums = packing->packed + tiles_of(c) * width * steps + column0;
    struct integer_weave weave = {.stride = c->column_stride, .flip = c->dtype == DTYPE_INT8 ? 0x80 : 0};
    memset(sums, 0, (size_t)width * sizeof *sums);
    for (int64_t step = 0; step < steps; step++, to += width) {
        const int numbers = (int)at_most(c->depth - step * size, size);
        const uint32_t there = numbers == size ? UINT32_MAX : (1u << numbers * 32 / size) - 1;
        for (int j = 0; j < 4; j++)
            weave.rows[j] =
                packing->data + (step * size + at_most(j, numbers - 1)) * c->row_stride + column0 * c->column_stride;
        memset(to + count, 0, (size_t)(width - count) * sizeof *to);
        c->kernel->weave(c->bytes, &weave, count, to);
        add_step(c->bytes, to, there, count, sums);
    }
}

static void pack_tiles(void *context, int64_t first, int64_t end) {
    for (int64_t tile = first; tile < end; tile++)
        pack_tile(context, tile);
}

void quant_pack_columns(const struct quant_columns *columns, const uint8_t *data, int threads, uint32_t *packed) {
    struct columns_packing packing = {columns, data, packed};
    packed[tiles_of(columns) * columns->kernel->columns * (steps_of(columns) + 1)] = 0;
    team_for(threads, tiles_of(columns), pack_tiles, &packing);
}
