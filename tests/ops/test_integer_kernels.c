/*
 * The loops over 8-bit integers (ops/kernels/integer.h), for every number of numbers that vectors leave over: against
 * plain arithmetic. What lies behind the last number stays as it is, but where the contract says otherwise.
 */
#include "ops/kernels/families.h"
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#define MOST 70 /* numbers */
#define ROOM (MOST + 2 * INTEGER_COLUMNS)
#define GUARD 0x5a
#define PLACES 5

/* What each loop reads, and where it writes. */
struct numbers {
    uint8_t a[ROOM], b[ROOM], zeros[ROOM], y[ROOM];
    float x[ROOM], scales[ROOM], z[ROOM];
    int32_t sums[ROOM];
    uint32_t factors[ROOM], less[ROOM];
    float scale, zero;
    bool is_signed;
};

static void fill(struct numbers *n, struct random *random) {
    for (int i = 0; i < ROOM; i++) {
        n->a[i] = (uint8_t)random_next(random);
        n->b[i] = (uint8_t)random_next(random);
        n->zeros[i] = (uint8_t)random_next(random);
        n->x[i] = 3 * random_float(random);
        n->scales[i] = 0.01f + 0.01f * fabsf(random_float(random));
        n->sums[i] = (int32_t)random_int(random, -20000, 20000);
        n->factors[i] = (uint32_t)random_next(random);
        n->less[i] = (uint32_t)random_next(random);
    }
    n->is_signed = random_int(random, 0, 1);
    n->scale = 0.01f + 0.01f * fabsf(random_float(random));
    n->zero = (float)random_int(random, 0, 20);
    memset(n->y, GUARD, sizeof n->y);
    memset(n->z, GUARD, sizeof n->z);
}

static double integer(uint8_t byte, bool is_signed) {
    return is_signed ? (int8_t)byte : byte;
}

/* The nearest integer of 8 bits; steps of a half may go either way. */
static void check_small(const struct numbers *n, int count, int i, double real, const char *what) {
    const double low = n->is_signed ? -128 : 0, y = integer(n->y[i], n->is_signed);
    const double expected = fmin(fmax(real + (double)n->zero, low), low + 255);
    if (!(fabs(y - expected) <= 0.501))
        fail_msg("seed %llu: %s: number %d of %d is %g, expected %g", (unsigned long long)test_seed(), what, i, count,
                 y, expected);
}

static void check_float(const struct numbers *n, int count, int i, double expected, const char *what) {
    if (!(fabs((double)n->z[i] - expected) <= 1e-6 * fabs(expected)))
        fail_msg("seed %llu: %s: number %d of %d is %g, expected %g", (unsigned long long)test_seed(), what, i, count,
                 (double)n->z[i], expected);
}

static void check_guard(const void *behind, int count, const char *what) {
    for (int i = 0; i < 8; i++)
        if (((const uint8_t *)behind)[i] != GUARD)
            fail_msg("%s of %d numbers writes behind them", what, count);
}

static void check_finish(const struct integer_kernel *kernel, struct numbers *n, int count) {
    const int32_t start = -300;
    kernel->finish(n->sums, n->scale, count, (uint32_t)start, n->zero, n->is_signed, n->y);
    for (int i = 0; i < count; i++)
        check_small(n, count, i, (double)(n->sums[i] + start) * (double)n->scale, "finish");
    check_guard(n->y + count, count, "finish");
    kernel->finish_by(n->sums, n->scales, count, n->zero, n->is_signed, n->y);
    for (int i = 0; i < count; i++)
        check_small(n, count, i, (double)n->sums[i] * (double)n->scales[i], "finish_by");
    check_guard(n->y + count, count, "finish_by");
}

static void check_quantize(const struct integer_kernel *kernel, struct numbers *n, int count) {
    kernel->quantize(n->x, count, n->scale, n->zero, n->is_signed, n->y);
    for (int i = 0; i < count; i++)
        check_small(n, count, i, (double)n->x[i] / (double)n->scale, "quantize");
    check_guard(n->y + count, count, "quantize");
    kernel->dequantize(n->a, n->is_signed, count, n->zero, n->scale, n->z);
    for (int i = 0; i < count; i++)
        check_float(n, count, i, (integer(n->a[i], n->is_signed) - (double)n->zero) * (double)n->scale, "dequantize");
    check_guard(n->z + count, count, "dequantize");
    kernel->dequantize_by(n->a, n->is_signed, count, n->zeros, n->scales, n->z);
    for (int i = 0; i < count; i++)
        check_float(n, count, i,
                    (integer(n->a[i], n->is_signed) - integer(n->zeros[i], n->is_signed)) * (double)n->scales[i],
                    "dequantize_by");
    check_guard(n->z + count, count, "dequantize_by");
}

static void check_combine(const struct integer_kernel *kernel, struct numbers *n, int count, struct random *random) {
    const size_t a_step = (size_t)random_int(random, 0, 1), b_step = (size_t)random_int(random, 0, 1);
    const struct integer_pair pair = {.is_signed = n->is_signed,
                                      .product = random_int(random, 0, 1),
                                      .a_zero = 3,
                                      .b_zero = 7,
                                      .a_scale = n->scale,
                                      .b_scale = n->scales[0],
                                      .zero = n->zero};
    kernel->combine(&pair, n->a, a_step, n->b, b_step, count, n->y);
    for (int i = 0; i < count; i++) {
        const double a = integer(n->a[(size_t)i * a_step], n->is_signed) - 3;
        const double b = integer(n->b[(size_t)i * b_step], n->is_signed) - 7;
        check_small(n, count, i,
                    pair.product ? a * b * (double)pair.a_scale : a * (double)pair.a_scale + b * (double)pair.b_scale,
                    "combine");
    }
    check_guard(n->y + count, count, "combine");
}

static void check_settle(const struct integer_kernel *kernel, const struct numbers *n, int count) {
    int32_t sums[ROOM];
    float low = 1, high = -1, least = 1, most = -1;
    memcpy(sums, n->sums, sizeof sums);
    kernel->settle(sums, n->factors, 77, n->less, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(sums[i], (int32_t)((uint32_t)n->sums[i] - n->factors[i] * 77 - n->less[i]));
    kernel->range(n->x, count, &low, &high);
    for (int i = 0; i < count; i++) {
        least = fminf(least, n->x[i]);
        most = fmaxf(most, n->x[i]);
    }
    assert_true(low == least && high == most);
}

static void test_loops(void **unused) {
    (void)unused;
    const struct integer_kernel *kernel = integer_kernel_of(test_kernels());
    struct random random = random_from(test_seed() + 41);
    struct numbers n;
    for (int count = 1; count <= MOST; count++) {
        fill(&n, &random);
        check_finish(kernel, &n, count);
        check_quantize(kernel, &n, count);
        check_combine(kernel, &n, count, &random);
        check_settle(kernel, &n, count);
    }
}

/* ---- products ---- */

/* Sums of the 16-bit halves of a step, or of its bytes, of which the left ones have a sign. */
static int32_t step_of(bool bytes, uint32_t left, uint32_t right) {
    if (!bytes)
        return (int32_t)(int16_t)left * (int16_t)right + (int32_t)(int16_t)(left >> 16) * (int16_t)(right >> 16);
    int32_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int32_t)(int8_t)(left >> 8 * i) * (int32_t)(uint8_t)(right >> 8 * i);
    return sum;
}

/* Words as they come from 8-bit integers less a zero point: no two products of them leave 32 bits. */
static uint32_t word_pair(struct random *random) {
    const uint32_t low = (uint32_t)random_int(random, -255, 255), high = (uint32_t)random_int(random, -255, 255);
    return (low & 0xffff) | high << 16;
}

static void check_tile(const struct integer_kernel *kernel, bool bytes, int rows, int64_t steps,
                       struct random *random) {
    int32_t left[PLACES * INTEGER_ROWS], sums[INTEGER_ROWS * INTEGER_COLUMNS];
    uint32_t right[PLACES * INTEGER_COLUMNS];
    int64_t places[PLACES];
    for (int i = 0; i < PLACES * INTEGER_ROWS; i++)
        left[i] = (int32_t)(bytes ? (uint32_t)random_next(random) : word_pair(random));
    for (int i = 0; i < PLACES * INTEGER_COLUMNS; i++)
        right[i] = bytes ? (uint32_t)random_next(random) : word_pair(random);
    for (int i = 0; i < PLACES; i++) /* in any order */
        places[i] = (int64_t)((i * 3) % PLACES) * INTEGER_COLUMNS * 4;
    kernel->tile(bytes, &(struct integer_tile){rows, steps, left, (const char *)right, places, sums, INTEGER_COLUMNS});
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < kernel->columns; column++) {
            int32_t expected = 0;
            for (int64_t s = 0; s < steps; s++)
                expected += step_of(bytes, (uint32_t)left[s * rows + row], right[places[s] / 4 + column]);
            if (sums[row * INTEGER_COLUMNS + column] != expected)
                fail_msg("%s: row %d of %d, column %d: %d in place of %d", bytes ? "bytes" : "words", row, rows, column,
                         sums[row * INTEGER_COLUMNS + column], expected);
        }
}

static void test_tiles(void **unused) {
    (void)unused;
    const struct integer_kernel *kernel = integer_kernel_of(test_kernels());
    struct random random = random_from(test_seed() + 42);
    assert_true(kernel->rows <= INTEGER_ROWS && kernel->columns <= INTEGER_COLUMNS);
    for (int rows = 1; rows <= kernel->rows; rows++) {
        const int rounded = kernel->round(rows);
        assert_true(rounded >= rows && rounded <= kernel->rows && kernel->round(rounded) == rounded);
        for (int64_t steps = 1; steps <= PLACES; steps++) {
            check_tile(kernel, false, rounded, steps, &random);
            if (kernel->has_bytes())
                check_tile(kernel, true, rounded, steps, &random);
        }
    }
}

static uint32_t woven(bool bytes, const struct integer_weave *weave, int64_t i) {
    uint32_t step = 0;
    for (int row = 0; row < (bytes ? 4 : 2); row++) {
        const uint8_t number = weave->rows[row][i * weave->stride] ^ weave->flip;
        step |= bytes ? (uint32_t)number << 8 * row : ((uint32_t)(number - weave->zero) & 0xffff) << 16 * row;
    }
    return step;
}

static void test_weave(void **unused) {
    (void)unused;
    const struct integer_kernel *kernel = integer_kernel_of(test_kernels());
    struct random random = random_from(test_seed() + 43);
    uint8_t rows[4][3 * ROOM];
    uint32_t to[ROOM];
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i / sizeof rows[0]][i % sizeof rows[0]] = (uint8_t)random_next(&random);
    for (int count = 1; count <= MOST; count++)
        for (int kind = 0; kind < 12; kind++) {
            const bool bytes = kind % 2;
            const struct integer_weave weave = {
                {rows[0], rows[1], rows[2], rows[3]}, 1 + kind / 4, kind & 2 ? 0x80 : 0, bytes ? 0 : 131};
            if (bytes && !kernel->has_bytes())
                continue;
            memset(to, GUARD, sizeof to);
            kernel->weave(bytes, &weave, count, to);
            for (int i = 0; i < count; i++)
                assert_int_equal(to[i], woven(bytes, &weave, i));
            check_guard(to + count, count, "weave");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loops), cmocka_unit_test(test_tiles),
                                       cmocka_unit_test(test_weave)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
