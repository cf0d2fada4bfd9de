/* Sums and maps of rows: the contracts are in rows.h. */
#include "ops/kernels/rows.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec_exp.h"

#define PARTS (ROW_LANES / VEC) /* vectors of all lanes */

/* The sum of 16 lanes, as a tree whose last sum is in double precision. */
INLINE double add_16(const vec *parts) {
#if KERNEL_LEVEL == 2
    const __m256 eight = _mm512_castps512_ps256(parts[0]) + _mm512_extractf32x8_ps(parts[0], 1);
#elif KERNEL_LEVEL == 1
    const __m256 eight = parts[0] + parts[1];
#endif
#if KERNEL_LEVEL > 0
    const __m128 four = _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1);
#else
    const vec four = (parts[0] + parts[2]) + (parts[1] + parts[3]);
#endif
    return ((double)four[0] + (double)four[2]) + ((double)four[1] + (double)four[3]);
}

INLINE double add_lanes(const vec *parts) {
    vec sums[PARTS / 2];
#pragma GCC unroll 4
    for (int p = 0; p < PARTS / 2; p++)
        sums[p] = parts[p] + parts[p + PARTS / 2];
    return add_16(sums);
}

/* The first `count` < VEC numbers of a vector, the others as they are in `filling`. */
INLINE vec load_some(const float *x, size_t count, vec filling) {
#if KERNEL_LEVEL == 2
    return _mm512_mask_loadu_ps(filling, (__mmask16)((1u << count) - 1), x);
#else
    memcpy(&filling, x, count * sizeof *x);
    return filling;
#endif
}

INLINE void store_some(float *y, size_t count, vec v) {
#if KERNEL_LEVEL == 2
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << count) - 1), v);
#else
    memcpy(y, &v, count * sizeof *y);
#endif
}

/* Takes a vector of numbers into the sums; returns what is written to y, where there is one. */
typedef vec row_step(vec x, vec value, vec *first, vec *second);

/* The last numbers of a row, fewer than ROW_LANES. */
INLINE void add_rest(row_step *const step, const float *x, float *y, size_t count, vec value, vec filling, vec *a,
                     vec *b) {
    for (size_t p = 0; p * VEC < count; p++) {
        const size_t left = count - p * VEC, n = left < VEC ? left : VEC;
        const vec v = n == VEC ? vec_load(x + p * VEC) : load_some(x + p * VEC, n, filling);
        const vec result = step(v, value, &a[p], &b[p]);
        if (y && n == VEC)
            vec_store(y + p * VEC, result);
        else if (y)
            store_some(y + p * VEC, n, result);
    }
}

/* Runs the step over a row, filled up with `filling`, and adds up what it left in its lanes. */
INLINE void add_row(row_step *const step, const float *x, float *y, size_t count, float value, float filling,
                    double *first, double *second) {
    const vec all = vec_all(value);
    const size_t whole = count - count % ROW_LANES;
    *first = *second = 0;
    for (size_t i = 0; i < count;) {
        vec a[PARTS] = {{0}}, b[PARTS] = {{0}};
        const size_t end = whole - i < ROW_CHUNK ? whole : i + ROW_CHUNK;
        for (; i < end; i += ROW_LANES)
#pragma GCC unroll 8
            for (int p = 0; p < PARTS; p++) {
                const vec result = step(vec_load(x + i + p * VEC), all, &a[p], &b[p]);
                if (y)
                    vec_store(y + i + p * VEC, result);
            }
        if (i == whole && i < count) {
            add_rest(step, x + i, y ? y + i : NULL, count - i, all, vec_all(filling), a, b);
            i = count;
        }
        *first += add_lanes(a);
        *second += add_lanes(b);
    }
}

INLINE vec sum_step(vec x, vec value, vec *first, vec *second) {
    (void)value, (void)second;
    *first = *first + x;
    return x;
}

INLINE vec spread_step(vec x, vec value, vec *first, vec *second) {
    const vec d = x - value;
    *first = *first + d;
    *second = *second + d * d;
    return d;
}

/* e^x for x <= 0. */
INLINE vec exp_negative(vec x) {
    vec r;
    const vec n = exp_split(vec_max(vec_all(-104.0f), x), &r);
    return vec_scale(POLYNOMIAL(r, 1.0f, 1.0f, EXP_TAIL), n);
}

INLINE vec exp_step(vec x, vec value, vec *first, vec *second) {
    const vec e = exp_negative(x - value);
    (void)second;
    *first = *first + e;
    return e;
}

static double row_sum(const float *x, size_t count) {
    double sum, unused;
    add_row(sum_step, x, NULL, count, 0, 0, &sum, &unused);
    return sum;
}

static void row_spread(const float *x, size_t count, float center, double *sum, double *squares) {
    add_row(spread_step, x, NULL, count, center, center, sum, squares);
}

static double row_exp_less(const float *x, float *y, size_t count, float less) {
    double sum, unused;
    add_row(exp_step, x, y, count, less, -3e38f, &sum, &unused);
    return sum;
}

#define FEW 4 /* vectors that are compared side by side */

static float row_largest(const float *x, size_t count) {
    float lanes[VEC], largest = x[0];
    size_t i = 0;
    if (count >= FEW * VEC) {
        vec parts[FEW];
#pragma GCC unroll 4
        for (int p = 0; p < FEW; p++)
            parts[p] = vec_load(x + p * VEC);
        for (i = FEW * VEC; count - i >= FEW * VEC; i += FEW * VEC)
#pragma GCC unroll 4
            for (int p = 0; p < FEW; p++)
                parts[p] = vec_max(vec_load(x + i + p * VEC), parts[p]);
        for (; count - i >= VEC; i += VEC)
            parts[0] = vec_max(vec_load(x + i), parts[0]);
        parts[0] = vec_max(vec_load(x + count - VEC), parts[0]); /* some of them again */
        vec_store(lanes, vec_max(vec_max(parts[0], parts[1]), vec_max(parts[2], parts[3])));
        for (int half = VEC / 2; half > 0; half /= 2)
            for (int j = 0; j < half; j++)
                lanes[j] = lanes[j + half] > lanes[j] ? lanes[j + half] : lanes[j];
        return lanes[0];
    }
    for (; i < count; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static void row_affine(const float *x, float *y, size_t count, float center, float factor, float offset) {
    const vec c = vec_all(center), f = vec_all(factor), o = vec_all(offset);
    size_t i = 0;
    for (; count - i >= VEC; i += VEC)
        vec_store(y + i, (vec_load(x + i) - c) * f + o);
    for (; i < count; i++)
        y[i] = (x[i] - center) * factor + offset;
}

static void row_affine_by(const float *x, float *y, size_t count, float center, float factor, float shift,
                          const float *scale, const float *offset) {
    const vec c = vec_all(center), f = vec_all(factor), s = vec_all(shift);
    size_t i = 0;
    if (offset)
        for (; count - i >= VEC; i += VEC)
            vec_store(y + i, ((vec_load(x + i) - c) * f + s) * vec_load(scale + i) + vec_load(offset + i));
    else
        for (; count - i >= VEC; i += VEC)
            vec_store(y + i, ((vec_load(x + i) - c) * f + s) * vec_load(scale + i));
    for (; i < count; i++)
        y[i] = ((x[i] - center) * factor + shift) * scale[i] + (offset ? offset[i] : 0);
}

typedef float four __attribute__((vector_size(16)));

INLINE four load_four(const char *p) {
    four v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* A square of four rows and columns; strides in floats. */
INLINE void turn_four(const char *x, size_t x_stride, float *y, size_t y_stride) {
    const size_t step = x_stride * sizeof(float);
    const four a = load_four(x), b = load_four(x + step), c = load_four(x + 2 * step), d = load_four(x + 3 * step);
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const four columns[4] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                             __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                             __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
    for (int i = 0; i < 4; i++)
        memcpy(y + (size_t)i * y_stride, &columns[i], sizeof *columns);
}

/* The last squares begin early, so that they are whole. */
static void row_turn(const void *x, size_t x_stride, size_t rows, size_t columns, float *y, size_t y_stride) {
    const char *in = x;
    if (rows < 4 || columns < 4) {
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
                memcpy(y + c * y_stride + r, in + (r * x_stride + c) * sizeof *y, sizeof *y);
        return;
    }
    for (size_t c = 0; c < columns; c += 4)
        for (size_t r = 0; r < rows; r += 4) {
            const size_t row = r + 4 > rows ? rows - 4 : r, column = c + 4 > columns ? columns - 4 : c;
            turn_four(in + (row * x_stride + column) * sizeof *y, x_stride, y + column * y_stride + row, y_stride);
        }
}

/* Sums of `vectors` vectors of columns side by side, of the last one only `last` columns. */
INLINE void combine_columns(const float *a, size_t depth, const float *b, size_t b_stride, const int vectors,
                            size_t last, vec *totals) {
    for (int v = 0; v < vectors; v++)
        totals[v] = (vec){0};
    for (size_t first = 0; first < depth; first += ROW_CHAIN) {
        const size_t end = depth - first < ROW_CHAIN ? depth : first + ROW_CHAIN;
        vec sums[8] = {{0}};
        for (size_t k = first; k < end; k++) {
            const float *row = b + k * b_stride;
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) {
                const vec column =
                    v + 1 == vectors && last < VEC ? load_some(row + v * VEC, last, (vec){0}) : vec_load(row + v * VEC);
                sums[v] = vec_fma(vec_all(a[k]), column, sums[v]);
            }
        }
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            totals[v] = totals[v] + sums[v];
    }
}

static void row_combine(const float *a, size_t depth, const float *b, size_t b_stride, size_t columns, float *y) {
    vec totals[8];
    size_t j = 0;
    for (; columns - j >= 8 * VEC; j += 8 * VEC) {
        combine_columns(a, depth, b + j, b_stride, 8, VEC, totals);
        memcpy(y + j, totals, sizeof totals);
    }
    for (; columns - j >= 2 * VEC; j += 2 * VEC) {
        combine_columns(a, depth, b + j, b_stride, 2, VEC, totals);
        memcpy(y + j, totals, 2 * sizeof *totals);
    }
    for (; columns - j >= VEC; j += VEC) {
        combine_columns(a, depth, b + j, b_stride, 1, VEC, totals);
        vec_store(y + j, totals[0]);
    }
    if (columns > j) {
        combine_columns(a, depth, b + j, b_stride, 1, columns - j, totals);
        store_some(y + j, columns - j, totals[0]);
    }
}

const struct row_kernel LEVEL_NAME(row_kernel) = {.combine = row_combine,
                                                  .turn = row_turn,
                                                  .sum = row_sum,
                                                  .spread = row_spread,
                                                  .largest = row_largest,
                                                  .exp_less = row_exp_less,
                                                  .affine = row_affine,
                                                  .affine_by = row_affine_by};
