/* The kernels of channel blocks by themselves: register tiles, two-term weights, the transforms of Winograd. */
#include "ops/blocked/blocked.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the kernel's contract ---- */

static float *random_floats(size_t count, struct random *random) {
    float *data = aligned_alloc(64, sizeof(float) * count);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = random_float(random);
    return data;
}

/* Sums of every size of a register tile against doubles; nothing else is written. */
static void test_tiles(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 64);
    enum { ENTRIES = 3, BLOCKS = 2, LENGTH = 16, DEPTH = ENTRIES * BLOCKS * LENGTH, ROOM = 20 };
    float *data = random_floats(4096, &random), *weights = random_floats(DEPTH * 64, &random);
    float c[ROOM * 64], old[ROOM * 64];
    for (int i = 0; i < ROOM * 64; i++)
        old[i] = random_float(&random);
    for (int blocks = 1; blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            assert_true(pixels >= wanted && pixels <= kernel->pixels[blocks]);
            struct block_pixel list[ENTRIES * BLOCK_PIXELS];
            for (int i = 0; i < ENTRIES * BLOCK_PIXELS; i++)
                list[i] = (struct block_pixel){data + random_int(&random, 0, 2000), random_int(&random, 0, 1000)};
            const int length = wanted % 2 ? LENGTH : 5; /* of channel blocks, and of plain inputs */
            const struct block_source source = {.entries = ENTRIES, .blocks = BLOCKS, .length = length, .pixels = list};
            const bool first = random_int(&random, 0, 1);
            memcpy(c, old, sizeof c);
            kernel->tile(pixels, blocks, &source, weights, first, c, (size_t)lanes, CHANNEL_BLOCK);
            kernel->tile(pixels, blocks, &source, weights, false, c, (size_t)lanes, CHANNEL_BLOCK);
            for (int i = 0; i < pixels; i++)
                for (int lane = 0; lane < lanes; lane++) {
                    double sum = 0;
                    for (int k = 0; k < ENTRIES * BLOCKS * length; k++) {
                        const struct block_pixel *p = &list[k / (BLOCKS * length) * BLOCK_PIXELS + i];
                        sum += (double)p->data[k / length % BLOCKS * p->step + k % length] * weights[k * lanes + lane];
                    }
                    const double expected = 2 * sum + (first ? 0 : old[i * lanes + lane]);
                    if (fabs(c[i * lanes + lane] - expected) > 1e-4)
                        fail_msg("%s: %d pixels by %d blocks: sum %d,%d is %g, expected %g", kernel->name, pixels,
                                 blocks, i, lane, c[i * lanes + lane], expected);
                }
            assert_memory_equal(c + pixels * lanes, old + pixels * lanes,
                                sizeof c - (size_t)(pixels * lanes) * sizeof *c);
        }
    free(data);
    free(weights);
}

/* Contiguous tiles have the bits of indirect ones; differences are computed along with them. */
static void test_rows(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 65);
    enum { BLOCKS = 11, STEP = 400, ROOM = 20, FLOATS = BLOCKS * STEP, LANES = 64 };
    float *data = random_floats(FLOATS, &random);
    float *weights = random_floats(BLOCKS * 2 * CHANNEL_BLOCK * LANES, &random);
    float expected[ROOM * LANES], c[ROOM * LANES], formed[32 * LANES];
    for (int blocks = 1; blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            const int64_t skip = CHANNEL_BLOCK * lanes * random_int(&random, 0, 1);
            const bool first = random_int(&random, 0, 1), scaled = random_int(&random, 0, 1);
            struct block_pixel list[BLOCK_PIXELS];
            for (int i = 0; i < BLOCK_PIXELS; i++)
                list[i] = (struct block_pixel){data + i * CHANNEL_BLOCK, STEP};
            const struct block_source source = {
                .entries = 1, .blocks = BLOCKS, .length = CHANNEL_BLOCK, .pixels = list, .weight_skip = skip};
            struct block_row row = {.pixels = data, .step = STEP, .blocks = BLOCKS, .weight_skip = skip};
            if (blocks == kernel->blocks)
                row.forming = (struct block_forming){data, data + 7, scaled ? data + 9 : NULL, formed, 24};
            for (int i = 0; i < ROOM * LANES; i++)
                c[i] = expected[i] = random_float(&random);
            kernel->tile(pixels, blocks, &source, weights, first, expected, (size_t)lanes, CHANNEL_BLOCK);
            kernel->row(pixels, blocks, &row, weights, first, c, (size_t)lanes, CHANNEL_BLOCK);
            assert_memory_equal(c, expected, sizeof c);
            for (int i = 0; i < row.forming.depths * lanes; i++) {
                const double factor = scaled ? data[9 + i % lanes] : 1;
                assert_true(fabs(formed[i] - (data[i] - factor * data[7 + i])) < 1e-6);
            }
        }
    free(data);
    free(weights);
}

/* Two-term weights have the bits of weights that were summed up before. */
static void test_two_term(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 67);
    enum {
        BLOCKS = 19,
        STEP = 400,
        ROOM = 20,
        LANES = TWO_TERM_BLOCKS * CHANNEL_BLOCK,
        FLOATS = BLOCKS * 3 * CHANNEL_BLOCK * LANES
    };
    float *data = random_floats(BLOCKS * STEP, &random), *first = random_floats(FLOATS, &random);
    float *second = random_floats(FLOATS, &random), *sums = random_floats(FLOATS, &random);
    float expected[ROOM * LANES], c[ROOM * LANES];
    for (int blocks = 1; blocks <= TWO_TERM_BLOCKS && blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            struct block_row row = {.pixels = data,
                                    .step = STEP,
                                    .blocks = (int)random_int(&random, 1, BLOCKS),
                                    .weight_skip = CHANNEL_BLOCK * lanes * random_int(&random, 0, 2),
                                    .factor = (float)random_int(&random, -3, 3) / 2};
            row.factor = row.factor == 0 ? random_float(&random) : row.factor;
            const bool fresh = random_int(&random, 0, 1);
            for (int i = 0; i < FLOATS; i++) /* rounded as the kernel does it, once or twice */
                sums[i] = fabsf(row.factor) == 0.5f               ? 2 * first[i] + 2 * row.factor * second[i]
                          : test_kernels()->level == CPU_PORTABLE ? first[i] + row.factor * second[i]
                                                                  : fmaf(row.factor, second[i], first[i]);
            for (int i = 0; i < ROOM * LANES; i++)
                c[i] = expected[i] = random_float(&random);
            kernel->row(pixels, blocks, &row, sums, fresh, expected, (size_t)lanes, CHANNEL_BLOCK);
            row.second = second;
            row.ahead = first;
            row.ahead_lines = 2;
            kernel->row(pixels, blocks, &row, first, fresh, c, (size_t)lanes, CHANNEL_BLOCK);
            assert_memory_equal(c, expected, sizeof c);
        }
    free(data);
    free(first);
    free(second);
    free(sums);
}

/* Transformed weights are what the kernel makes of two terms. */
static void test_factors(void **unused) {
    (void)unused;
    const struct winograd_kernel *kernel = test_kernels()->winograd;
    struct random random = random_from(test_seed() + 68);
    float taps[2 * CHANNEL_BLOCK], weights[WINOGRAD_ELEMENTS * CHANNEL_BLOCK];
    for (int i = 0; i < 2 * CHANNEL_BLOCK; i++)
        taps[i] = random_float(&random);
    for (enum winograd_kind kind = WINOGRAD_ONE; kind < WINOGRAD_KINDS; kind++) {
        if (!winograd_two_term(kind))
            continue;
        kernel->weights(kind, WINOGRAD_ONE, taps, weights, CHANNEL_BLOCK);
        for (int i = 0; i < winograd_elements(kind) * CHANNEL_BLOCK; i++) {
            const int element = i / CHANNEL_BLOCK, lane = i % CHANNEL_BLOCK, tap = winograd_pure_tap(kind, element);
            const double a = taps[lane], b = taps[CHANNEL_BLOCK + lane];
            const double factor = tap < 0 ? kernel->factor(kind, element) : 0, size = fabs(factor) == 0.5 ? 2 : 1;
            const double sum = tap == 0 ? a : tap == 1 ? b : (a + factor * b) * size;
            assert_true(fabs(weights[i] - sum) < 1e-6);
        }
    }
}

/* One Winograd tile against direct sums: inputs and weights to elements, products, elements to outputs. */
static void check_winograd(enum winograd_kind y, enum winograd_kind x, struct random *random) {
    const struct winograd_kernel *kernel = test_kernels()->winograd;
    enum { MOST = WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS * CHANNEL_BLOCK };
    _Alignas(64) float patch[MOST], taps[9 * CHANNEL_BLOCK], elements[MOST], weights[MOST], outputs[MOST];
    const int down = winograd_elements(y), across = winograd_elements(x), columns = winograd_outputs(x);
    for (int i = 0; i < MOST; i++)
        patch[i] = random_float(random);
    for (int i = 0; i < 9 * CHANNEL_BLOCK; i++)
        taps[i] = random_float(random);
    struct winograd_tiles tiles = {.rows = 1,
                                   .count = 1,
                                   .source = patch,
                                   .source_row = (size_t)across * CHANNEL_BLOCK,
                                   .source_column = CHANNEL_BLOCK,
                                   .destination = elements,
                                   .destination_row = (size_t)across * CHANNEL_BLOCK,
                                   .destination_column = CHANNEL_BLOCK};
    kernel->input(y, x, &tiles);
    kernel->weights(y, x, taps, weights, CHANNEL_BLOCK);
    for (int i = 0; i < down * across * CHANNEL_BLOCK; i++) {
        const int element = i / CHANNEL_BLOCK, row = winograd_distinct_element(y, element / across);
        const int place = row * winograd_distinct_elements(x) + winograd_distinct_element(x, element % across);
        elements[i] *= weights[place * CHANNEL_BLOCK + i % CHANNEL_BLOCK];
    }
    tiles.source = elements;
    tiles.destination = outputs;
    tiles.destination_row = (size_t)columns * CHANNEL_BLOCK;
    kernel->output(y, x, &tiles);
    for (int i = 0; i < winograd_outputs(y) * columns * CHANNEL_BLOCK; i++) {
        const int lane = i % CHANNEL_BLOCK, out = i / CHANNEL_BLOCK;
        const int top = out / columns * winograd_advance(y) / winograd_outputs(y);
        const int left = out % columns * winograd_advance(x) / winograd_outputs(x);
        double sum = 0;
        for (int t = 0; t < winograd_taps(y) * winograd_taps(x); t++) {
            const int row = top + t / winograd_taps(x), column = left + t % winograd_taps(x);
            sum += (double)taps[t * CHANNEL_BLOCK + lane] * patch[(row * across + column) * CHANNEL_BLOCK + lane];
        }
        if (fabs(outputs[i] - sum) > 1e-3)
            fail_msg("kinds %d by %d: output %d is %g, expected %g", y, x, out, outputs[i], sum);
    }
}

static void test_winograd(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 66);
    for (enum winograd_kind y = WINOGRAD_ONE; y < WINOGRAD_KINDS; y++)
        for (enum winograd_kind x = WINOGRAD_ONE; x < WINOGRAD_KINDS; x++)
            if (y != WINOGRAD_ONE || x != WINOGRAD_ONE)
                check_winograd(y, x, &random);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tiles), cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_two_term), cmocka_unit_test(test_factors),
                                       cmocka_unit_test(test_winograd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}