#include "ops/quant/matmul_nbits_numbers.h"

#include "ops/core/reals.h"
#include "ops/kernels/bits.h"
#include "ops/kernels/families.h"

#include <string.h>

static float zero_point(const struct op_call *call, int64_t column, int64_t block) {
    const struct nbits_params *p = call->params;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    if (!zeros)
        return (float)(1 << (p->bits - 1));
    if (zeros->dtype != DTYPE_UINT8)
        return ((const float *)zeros->data)[column * nbits_blocks(p) + block];
    const uint8_t byte = ((const uint8_t *)zeros->data)[column * nbits_zero_bytes(p) + block * p->bits / 8];
    return (float)(byte >> block * p->bits % 8 & ((1 << p->bits) - 1));
}

/* Depths first .. first + count - 1 of a column, in one block of it. A first one that stands inside a byte is alone. */
static void block_numbers(const struct op_call *call, int64_t column, int64_t block, int64_t first, int64_t count,
                          float *to) {
    const struct nbits_params *p = call->params;
    const float scale = ((const float *)call->inputs[IN_SCALES]->data)[column * nbits_blocks(p) + block];
    const float zero = zero_point(call, column, block);
    const int64_t bit = first * p->bits % 8;
    const uint8_t *from = (const uint8_t *)call->inputs[IN_B]->data +
                          column * nbits_blocks(p) * (p->block * p->bits / 8) + first * p->bits / 8;
    if (bit == 0)
        bits_kernel_of(call->kernels)->unpack(from, (int)p->bits, (size_t)count, scale, zero, to);
    else
        *to = ((float)(*from >> bit & ((1 << p->bits) - 1)) - zero) * scale;
}

void nbits_column(const struct op_call *call, int64_t column, int64_t depth0, int64_t depth, float *to) {
    const struct nbits_params *p = call->params;
    const struct tensor *groups = op_input(call, IN_GROUPS);
    for (int64_t k = depth0, count; k < depth0 + depth; k += count) {
        const int64_t block = groups ? int_of(groups, k) : k / p->block;
        const int64_t left = depth0 + depth - k, rest = p->block - k % p->block;
        count = groups ? 1 : rest < left ? rest : left;
        block_numbers(call, column, block, k, count, to + (k - depth0));
    }
}

int64_t nbits_whole_groups(int64_t depth) {
    return divide_up(depth, HALVES_GROUP) * HALVES_GROUP;
}

bool nbits_is_halves(const struct op_call *call) {
    const struct nbits_params *p = call->params;
    return p->bits == 4 && p->block >= HALVES_GROUP && !op_input(call, IN_GROUPS);
}

void nbits_order_rows(const struct op_call *call, int64_t rows) {
    const int64_t depth = ((const struct nbits_params *)call->params)->depth, stride = nbits_whole_groups(depth);
    const float *a = call->inputs[IN_A]->data;
    for (int64_t r = 0; r < (rows == 1 ? 1 : HALVES_ROWS); r++)
        bits_kernel_of(call->kernels)
            ->halves_order(a + (r < rows ? r * depth : 0), r < rows ? (size_t)depth : 0,
                           (float *)call->workspace + r * stride);
}

void nbits_column_by_rows(const struct op_call *call, int64_t column, int64_t rows, float *sums) {
    const struct nbits_params *p = call->params;
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const int64_t blocks = nbits_blocks(p), depth = nbits_whole_groups(p->depth);
    const bool codes = zeros && zeros->dtype == DTYPE_UINT8;
    const struct halves_column all = {
        .from = (const uint8_t *)call->inputs[IN_B]->data + column * blocks * (p->block / 2),
        .scales = (const float *)call->inputs[IN_SCALES]->data + column * blocks,
        .zeros = zeros && !codes ? (const float *)zeros->data + column * blocks : NULL,
        .codes = codes ? (const uint8_t *)zeros->data + column * nbits_zero_bytes(p) : NULL,
        .groups = (size_t)(depth / HALVES_GROUP),
        .per_scale = (size_t)(p->block / HALVES_GROUP)};
    bits_kernel_of(call->kernels)->halves_dot((int)rows, call->workspace, (size_t)depth, &all, sums);
}

#define FETCH_COLUMNS 8 /* at a time: lines of a tile are written piece by piece */

void nbits_fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                 float *tile) {
    float numbers[FETCH_COLUMNS][GEMM_DEPTH];
    for (int c = 0; c < width; c += FETCH_COLUMNS) {
        const int part = width - c < FETCH_COLUMNS ? width - c : FETCH_COLUMNS;
        for (int i = 0; i < part; i++)
            if (c + i < count)
                nbits_column(job->context, column0 + c + i, depth0, depth, numbers[i]);
            else
                memset(numbers[i], 0, sizeof numbers[i]);
        for (int k = 0; k < depth; k++)
            for (int i = 0; i < part; i++)
                tile[k * width + c + i] = numbers[i][k];
    }
}

static float half_at(const uint8_t *halves, int64_t i) {
    return (float)(halves[i / 2] >> i % 2 * 4 & 15);
}

/* A tile of numbers of 4 bits, block by block. */
void nbits_fetch_halves(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                        float *tile) {
    const struct op_call *call = job->context;
    const struct nbits_params *p = call->params;
    if (count < width)
        memset(tile, 0, (size_t)depth * (size_t)width * sizeof *tile);
    const int64_t blocks = nbits_blocks(p), bytes = blocks * (p->block / 2), stride = nbits_zero_bytes(p);
    const struct tensor *zeros = op_input(call, IN_ZEROS);
    const float *scales = call->inputs[IN_SCALES]->data;
    for (int c = 0; c < count; c += HALVES_WIDTH) {
        const int64_t first = column0 + c;
        const int columns = (int)at_most(count - c, HALVES_WIDTH);
        struct halves_block some = {.stride = (size_t)bytes};
        for (int64_t k = depth0, block = k / p->block, part; k < depth0 + depth; k += part, block++) {
            part = at_most((block + 1) * p->block - k, depth0 + depth - k);
            for (int64_t i = 0; i < columns; i++) {
                some.scales[i] = scales[(first + i) * blocks + block];
                some.zeros[i] = !zeros ? 8
                                : zeros->dtype == DTYPE_UINT8
                                    ? half_at((const uint8_t *)zeros->data + (first + i) * stride, block)
                                    : ((const float *)zeros->data)[(first + i) * blocks + block];
            }
            some.from = (const uint8_t *)call->inputs[IN_B]->data + first * bytes + k / 2;
            bits_kernel_of(call->kernels)
                ->halves_lines(&some, columns, (size_t)part, (size_t)width, tile + (k - depth0) * width + c);
        }
    }
}
