#include "ops/kernels/integer.h"

#include "ops/kernels/integer_numbers.h"
#include "ops/kernels/tables.h"

#define COLUMNS (2 * VEC)
#if KERNEL_LEVEL == 2
#define ROWS 12
#elif KERNEL_LEVEL == 1
#define ROWS 6
#else
#define ROWS 4
#endif

static int round_rows(int rows) {
    return rows <= 1 ? 1 : rows <= 4 ? 4 : rows <= 8 && ROWS > 8 ? 8 : ROWS;
}

/* ---- products ---- */

#if KERNEL_LEVEL == 2
#include <cpuid.h>
static bool has_bytes(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_AVX512VNNI);
}
#else
static bool has_bytes(void) {
    return false;
}
#endif

#define TILE_BODY(ROW_COUNT, ADD)                                                      \
    do {                                                                               \
        const int rows = ROW_COUNT;                                                    \
        const int32_t *left = tile->left;                                              \
        ints sums[ROW_COUNT][2] = {{{0}}};                                             \
        for (int64_t step = 0; step < tile->steps; step++, left += rows) {             \
            const char *right = tile->right + tile->places[step];                      \
            const ints first = ints_at(right), second = ints_at(right + sizeof(ints)); \
            _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++) {                  \
                const ints all = left[i] - (ints){0};                                  \
                sums[i][0] = ADD(sums[i][0], all, first);                              \
                sums[i][1] = ADD(sums[i][1], all, second);                             \
            }                                                                          \
        }                                                                              \
        for (int i = 0; i < rows; i++)                                                 \
            memcpy(tile->sums + i * tile->stride, sums[i], sizeof sums[i]);            \
    } while (0)

#define EACH_ROWS(ADD)           \
    if (tile->rows == 1)         \
        TILE_BODY(1, ADD);       \
    else if (tile->rows == 4)    \
        TILE_BODY(4, ADD);       \
    else if (tile->rows == ROWS) \
        TILE_BODY(ROWS, ADD);    \
    else                         \
        TILE_BODY(8, ADD)

static void tile_of_words(const struct integer_tile *tile) {
    EACH_ROWS(add_words);
}

#if KERNEL_LEVEL == 2
BYTES_TARGET static void tile_of_bytes(const struct integer_tile *tile) {
    EACH_ROWS(ADD_BYTES);
}
#endif

static void tile_of(bool bytes, const struct integer_tile *tile) {
#if KERNEL_LEVEL == 2
    if (bytes) {
        tile_of_bytes(tile);
        return;
    }
#endif
    (void)bytes;
    tile_of_words(tile);
}

/* ---- steps ---- */

/* A vector of steps from number i of the rows on. */
INLINE vec_bits steps_of(const bool bytes, const struct integer_weave *w, int64_t i) {
    const vec_bits a = naturals_at(w->rows[0] + i), b = naturals_at(w->rows[1] + i), flip = vec_bits_all(w->flip);
    if (bytes)
        return (a | b << 8 | naturals_at(w->rows[2] + i) << 16 | naturals_at(w->rows[3] + i) << 24) ^
               flip * 0x01010101u;
    const vec_bits zero = vec_bits_all((uint32_t)w->zero);
    return (((a ^ flip) - zero) & 0xffffu) | ((b ^ flip) - zero) << 16;
}

/* Numbers that do not lie side by side, or are too few, are put together first. */
INLINE void weave_of(const bool bytes, const struct integer_weave *w, int64_t count, uint32_t *to) {
    int64_t i = 0;
    for (; w->stride == 1 && count >= VEC && i < count; i += VEC) {
        i = i + VEC <= count ? i : count - VEC; /* the last one overlaps the one before it */
        const vec_bits steps = steps_of(bytes, w, i);
        memcpy(to + i, &steps, sizeof steps);
    }
    for (; i < count; i += VEC) {
        const int64_t n = count - i < VEC ? count - i : VEC;
        uint8_t some[4][VEC] = {{0}};
        const struct integer_weave together = {{some[0], some[1], some[2], some[3]}, 1, w->flip, w->zero};
        for (int j = 0; j < (bytes ? 4 : 2); j++)
            for (int64_t k = 0; k < n; k++) {
                __asm__("" : "+r"(k)); /* one by one: the compiler's vectors are large and no faster */
                some[j][k] = w->rows[j][(i + k) * w->stride];
            }
        const vec_bits steps = steps_of(bytes, &together, 0);
        if (n == VEC)
            memcpy(to + i, &steps, sizeof steps);
        else
            memcpy(to + i, &steps, (size_t)n * sizeof *to);
    }
}

static void weave(bool bytes, const struct integer_weave *w, int64_t count, uint32_t *to) {
    if (bytes)
        weave_of(true, w, count, to);
    else
        weave_of(false, w, count, to);
}

/* ---- numbers ---- */

/* Calls STEP(sources, y, i) for vectors from number i on: in place, but for the last ones where they are too few. */
#define IN_VECTORS(X, X_SIZE, Y, Y_SIZE, STEP)                               \
    do {                                                                     \
        char x_last[VEC * sizeof(float)] = {0}, y_last[VEC * sizeof(float)]; \
        for (int64_t i = 0; i < count; i += VEC) {                           \
            const size_t rest = (size_t)(count - i);                         \
            const char *x_at = (const char *)(X) + i * (X_SIZE);             \
            char *y_at = (char *)(Y) + i * (Y_SIZE);                         \
            const bool whole = rest >= VEC;                                  \
            x_at = whole ? x_at : memcpy(x_last, x_at, rest * (X_SIZE));     \
            STEP(x_at, (whole ? y_at : y_last), i);                          \
            if (!whole)                                                      \
                memcpy(y_at, y_last, rest *(Y_SIZE));                        \
        }                                                                    \
    } while (0)

static void settle(int32_t *sums, const uint32_t *factors, uint32_t row, const uint32_t *less, int64_t count) {
    const vec_bits by = vec_bits_all(row);
    for (int64_t i = 0; i < count; i += VEC) {
        const vec_bits sum =
            (vec_bits)ints_at(sums + i) - (vec_bits)ints_at(factors + i) * by - (vec_bits)ints_at(less + i);
        memcpy(sums + i, &sum, sizeof sum);
    }
}

static void finish(const int32_t *sums, float scale, int64_t count, uint32_t start, float zero, bool is_signed,
                   void *y) {
    const struct target target = target_of(zero, is_signed);
    const vec factor = vec_all(scale);
    const vec_bits more = vec_bits_all(start);
#define FINISH(x, to, i) \
    small_from(&target, __builtin_convertvector((ints)((vec_bits)ints_at(x) + more), vec) * factor, to)
    IN_VECTORS(sums, 4, y, 1, FINISH);
}

static void finish_by(const int32_t *sums, const float *scales, int64_t count, float zero, bool is_signed, void *y) {
    const struct target target = target_of(zero, is_signed);
#define FINISH_BY(x, to, i) small_from(&target, __builtin_convertvector(ints_at(x), vec) * vec_load(scales + i), to)
    IN_VECTORS(sums, 4, y, 1, FINISH_BY);
}

static void quantize(const float *x, int64_t count, float scale, float zero, bool is_signed, void *y) {
    const struct target target = target_of(zero, is_signed);
    const vec divisor = vec_all(scale);
#define QUANTIZE(from, to, i) small_from(&target, vec_load(from) / divisor, to)
    IN_VECTORS(x, 4, y, 1, QUANTIZE);
}

INLINE ints integers_at(const void *x, bool is_signed) {
    const int shift = is_signed ? 24 : 0;
    return (ints)(naturals_at(x) << shift) >> shift;
}

#define DEQUANTIZE(from, to, i)                                                                                      \
    do {                                                                                                             \
        const vec v = (__builtin_convertvector(integers_at(from, is_signed), vec) - vec_all(zero)) * vec_all(scale); \
        memcpy(to, &v, sizeof v);                                                                                    \
    } while (0)

static void dequantize(const void *x, bool is_signed, int64_t count, float zero, float scale, float *y) {
    IN_VECTORS(x, 1, y, 4, DEQUANTIZE);
}

static void dequantize_by(const void *x, bool is_signed, int64_t count, const void *zeros, const float *scales,
                          float *y) {
    char from[VEC], less[VEC];
    vec last = {0}, by = {0};
    for (int64_t i = 0; i < count; i += VEC) {
        const char *x_at = (const char *)x + i, *zeros_at = (const char *)zeros + i;
        const size_t rest = (size_t)(count - i);
        if (rest < VEC) {
            x_at = memcpy(from, x_at, rest);
            zeros_at = memcpy(less, zeros_at, rest);
            memcpy(&by, scales + i, rest * sizeof(float));
        } else {
            by = vec_load(scales + i);
        }
        last = __builtin_convertvector(integers_at(x_at, is_signed) - integers_at(zeros_at, is_signed), vec) * by;
        if (rest < VEC)
            memcpy(y + i, &last, rest * sizeof(float));
        else
            vec_store(y + i, last);
    }
}

/* VEC numbers of both sides. */
INLINE void combine_at(const struct integer_pair *p, const struct target *target, const uint8_t *a, const uint8_t *b,
                       uint8_t *y) {
    const vec left = __builtin_convertvector(integers_at(a, p->is_signed) - p->a_zero, vec);
    const vec right = __builtin_convertvector(integers_at(b, p->is_signed) - p->b_zero, vec);
    const vec a_scale = vec_all(p->a_scale);
    small_from(target, p->product ? left * right * a_scale : left * a_scale + right * vec_all(p->b_scale), y);
}

/* A side that repeats is spread over a vector, and so are the last numbers. */
static void combine(const struct integer_pair *pair, const void *a, size_t a_step, const void *b, size_t b_step,
                    int64_t count, void *y) {
    const struct integer_pair p = *pair;
    const struct target target = target_of(p.zero, p.is_signed);
    uint8_t a_some[VEC], b_some[VEC], some[VEC], *to = y;
    memset(a_some, *(const uint8_t *)a, sizeof a_some);
    memset(b_some, *(const uint8_t *)b, sizeof b_some);
    const uint8_t *left = a_step ? a : a_some, *right = b_step ? b : b_some;
    for (; count >= VEC; count -= VEC, left += a_step * VEC, right += b_step * VEC, to += VEC)
        combine_at(&p, &target, left, right, to);
    if (count <= 0)
        return;
    left = a_step ? memcpy(a_some, left, (size_t)count) : left;
    right = b_step ? memcpy(b_some, right, (size_t)count) : right;
    combine_at(&p, &target, left, right, some);
    memcpy(to, some, (size_t)count);
}

static void range(const float *x, int64_t count, float *low, float *high) {
    vec lows[2] = {vec_all(*low), vec_all(*low)}, highs[2] = {vec_all(*high), vec_all(*high)};
    int64_t i = 0;
    for (; i + 2 * VEC <= count; i += 2 * VEC)
        for (int j = 0; j < 2; j++) {
            const vec v = vec_load(x + i + j * VEC);
            lows[j] = vec_min(v, lows[j]);
            highs[j] = vec_max(v, highs[j]);
        }
    for (; i < count; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
    for (i = 0; i < 2 * VEC; i++) {
        *low = lows[i / VEC][i % VEC] < *low ? lows[i / VEC][i % VEC] : *low;
        *high = highs[i / VEC][i % VEC] > *high ? highs[i / VEC][i % VEC] : *high;
    }
}

const struct integer_kernel LEVEL_NAME(integer_kernel) = {COLUMNS,    ROWS,          round_rows, has_bytes, tile_of,
                                                          weave,      settle,        finish,     finish_by, quantize,
                                                          dequantize, dequantize_by, combine,    range};
