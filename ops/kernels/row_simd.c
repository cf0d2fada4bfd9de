/* Sums and maps of rows: the contracts are in rows.h. */
#include "ops/kernels/rows.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec_log.h"

#include <math.h>

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

/* Takes a vector of numbers into the sums; returns what is written to y, where there is one. */
typedef vec row_step(vec x, vec value, vec *first, vec *second);

/* The last numbers of a row, fewer than ROW_LANES. */
INLINE void add_rest(row_step *const step, const float *x, float *y, size_t count, vec value, vec filling, vec *a,
                     vec *b) {
    for (size_t p = 0; p * VEC < count; p++) {
        const size_t left = count - p * VEC, n = left < VEC ? left : VEC;
        const vec v = n == VEC ? vec_load(x + p * VEC) : vec_load_some(x + p * VEC, n, filling);
        const vec result = step(v, value, &a[p], &b[p]);
        if (y && n == VEC)
            vec_store(y + p * VEC, result);
        else if (y)
            vec_store_some(y + p * VEC, n, result);
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

__attribute__((noinline)) static double row_sum(const float *x, size_t count) {
    double sum, unused;
    add_row(sum_step, x, NULL, count, 0, 0, &sum, &unused);
    return sum;
}

__attribute__((noinline)) static void row_spread(const float *x, size_t count, float center, double *sum,
                                                 double *squares) {
    add_row(spread_step, x, NULL, count, center, center, sum, squares);
}

static void row_spreads(const float *x, size_t rows, size_t count, bool centered, struct row_spread *spreads) {
    const double part = 1 / (double)count; /* a factor: nobody waits for a division then */
    for (size_t row = 0; row < rows; row++)
        spreads[row].center = centered ? (float)(row_sum(x + row * count, count) * part) : 0;
    for (size_t row = 0; row < rows; row++)
        row_spread(x + row * count, count, spreads[row].center, &spreads[row].sum, &spreads[row].squares);
}

__attribute__((noinline)) static double row_exp_less(const float *x, float *y, size_t count, float less) {
    double sum, unused;
    add_row(exp_step, x, y, count, less, -3e38f, &sum, &unused);
    return sum;
}

/* Of lanes of which none is NaN. */
INLINE float largest_lane(vec v) {
#if KERNEL_LEVEL == 2
    const __m256 high = _mm512_extractf32x8_ps(v, 1), eight = _mm256_max_ps(_mm512_castps512_ps256(v), high);
#elif KERNEL_LEVEL == 1
    const __m256 eight = v;
#endif
#if KERNEL_LEVEL > 0
    __m128 lanes = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    lanes = _mm_max_ps(lanes, _mm_movehl_ps(lanes, lanes));
    lanes = _mm_max_ps(lanes, _mm_movehdup_ps(lanes));
    return lanes[0];
#else
    const float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
#endif
}

#define FEW 4 /* vectors that are compared side by side */

__attribute__((noinline)) static float row_largest(const float *x, size_t count) {
    float largest = x[0];
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
        return largest_lane(vec_max(vec_max(parts[0], parts[1]), vec_max(parts[2], parts[3])));
    }
    if (count >= VEC) {
        vec most = vec_load(x + count - VEC);
        for (; count - i >= VEC; i += VEC)
            most = vec_max(vec_load(x + i), most);
        return largest_lane(most);
    }
    if (KERNEL_LEVEL == 2)
        return largest_lane(vec_load_some(x, count, vec_all(largest)));
    for (; i < count; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* Bit i: lane i of a is not at most that of b. */
INLINE unsigned beyond_mask(vec a, vec b) {
#if KERNEL_LEVEL == 2
    return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ);
#elif KERNEL_LEVEL == 1
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLE_UQ));
#else
    unsigned mask = 0;
    for (int i = 0; i < VEC; i++)
        mask |= (unsigned)!(a[i] <= b[i]) << i;
    return mask;
#endif
}

__attribute__((noinline)) static size_t row_beyond(const float *x, size_t count, float limit, float sign) {
    const vec most = vec_all(limit * sign), signs = vec_all(sign);
    size_t i = 0;
    for (; count - i >= VEC; i += VEC) {
        const unsigned mask = beyond_mask(vec_load(x + i) * signs, most);
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    while (i < count && x[i] * sign <= limit * sign)
        i++;
    return i;
}

static size_t row_extreme(const float *x, size_t count, float sign) {
    const size_t odd = row_beyond(x, count, INFINITY, 1), whole = count - count % VEC;
    const vec signs = vec_all(sign);
    vec most = vec_all(-INFINITY);
    size_t i = 0;
    for (; i < whole && odd == count; i += VEC)
        most = vec_max(vec_load(x + i) * signs, most);
    float extreme = largest_lane(most);
    for (; i < count && odd == count; i++)
        extreme = x[i] * sign > extreme ? x[i] * sign : extreme;
    most = vec_all(extreme);
    for (i = 0; i < whole && odd == count; i += VEC) {
        const unsigned less = beyond_mask(most, vec_load(x + i) * signs), all = (2u << (VEC - 1)) - 1;
        if (less != all)
            return i + (size_t)__builtin_ctz(~less);
    }
    for (; i < count && odd == count && x[i] * sign < extreme; i++)
        ;
    return odd < count ? odd : i;
}

/* How much is common on one axis: 0 or less, nothing. */
INLINE vec common_side(const float *boxes, size_t places, int axis, const float *box) {
    const vec low = vec_max(vec_all(box[axis]), vec_load(boxes + axis * places));
    return vec_min(vec_all(box[2 + axis]), vec_load(boxes + (2 + axis) * places)) - low;
}

/* The share, or -1 where there is none: where a side, an area or what both cover is 0 or less, or not a number. */
INLINE vec common_share(const float *boxes, size_t places, const float *box) {
    const vec zero = {0}, none = vec_all(-1);
    const vec y = common_side(boxes, places, 0, box), x = common_side(boxes, places, 1, box);
    const vec area = vec_load(boxes + BOX_AREA * places), both = y * x;
    const vec all = vec_all(box[BOX_AREA]) + area - both;
    vec share = vec_if_less(zero, all, both / all, none);
    share = vec_if_less(zero, y, share, none);
    share = vec_if_less(zero, x, share, none);
    return vec_if_less(zero, area, share, none);
}

static bool row_overlaps(const float *boxes, size_t places, size_t count, const float box[BOX_NUMBERS],
                         float threshold) {
    for (size_t i = 0; i < count && box[BOX_AREA] > 0; i += BOX_BLOCK) {
        vec most = vec_all(-1);
#pragma GCC unroll 1
        for (int j = 0; j < BOX_BLOCK; j += VEC)
            most = vec_max(common_share(boxes + i + j, places, box), most);
        if (beyond_mask(most, vec_all(threshold)))
            return true;
    }
    return false;
}

__attribute__((noinline)) static void row_affine(const float *x, float *y, size_t count, float center, float factor,
                                                 float offset) {
    const vec c = vec_all(center), f = vec_all(factor), o = vec_all(offset);
    size_t i = 0;
    for (; count - i >= VEC; i += VEC)
        vec_store(y + i, (vec_load(x + i) - c) * f + o);
    for (; i < count; i++)
        y[i] = (x[i] - center) * factor + offset;
}

static void row_scale_add(const float *x, float *y, size_t count, float alpha, float beta, const float *addend,
                          size_t step) {
    const vec a = vec_all(alpha), b = vec_all(addend ? beta : 0);
    vec more = vec_all(addend ? *addend : 0);
    size_t i = 0;
    for (; count - i >= VEC; i += VEC) {
        if (step)
            more = vec_load(addend + i);
        vec_store(y + i, vec_fma(b, more, a * vec_load(x + i)));
    }
    if (i == count)
        return;
    if (step)
        more = vec_load_some(addend + i, count - i, more);
    vec_store_some(y + i, count - i, vec_fma(b, more, a * vec_load_some(x + i, count - i, more)));
}

/* Logarithms of VEC sums: that of the sum as a float, and what was lost by rounding over it. */
__attribute__((noinline)) static void logarithms(const double *sums, float *logs) {
    float near[VEC], lost[VEC];
    for (int i = 0; i < VEC; i++) {
        near[i] = (float)sums[i];
        lost[i] = (float)(sums[i] - (double)near[i]);
    }
    vec_store(logs, log_all(vec_load(near)) + vec_load(lost) / vec_load(near));
}

#if KERNEL_LEVEL == 2
/* Rows of less than VEC numbers: their largest ones, exponentials and sums, with the same bits. */
static void sum_vectors(const float *x, size_t rows, size_t count, float *largest, vec *exps, double *sums) {
    for (size_t row = 0; row < rows; row++, x += count) {
        largest[row] = largest_lane(vec_load_some(x, count, vec_all(x[0])));
        exps[row] = exp_negative(vec_load_some(x, count, vec_all(-3e38f)) - vec_all(largest[row]));
        sums[row] = add_16(&exps[row]);
    }
}

/* At most VEC of them. */
static void softmax_vectors(const float *x, float *y, size_t rows, size_t count, bool log_of) {
    float largest[VEC], logs[VEC];
    double sums[VEC];
    vec exps[VEC];
    for (size_t row = 0; row < VEC; row++)
        sums[row] = 1;
    sum_vectors(x, rows, count, largest, exps, sums);
    if (log_of)
        logarithms(sums, logs);
    for (size_t row = 0; row < rows; row++, x += count, y += count) {
        const vec shifted = vec_load_some(x, count, (vec){0}) - vec_all(largest[row]);
        vec_store_some(y, count, log_of ? shifted - vec_all(logs[row]) : exps[row] * vec_all((float)(1 / sums[row])));
    }
}
#endif

/* Exponentials of a row, and their sum; y NULL: the sum alone is needed. */
static double exp_row(const float *x, float *y, size_t count, float largest) {
    float piece[ROW_CHUNK];
    double sum = 0;
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < ROW_CHUNK ? count - i : ROW_CHUNK;
        sum += row_exp_less(x + i, y ? y + i : piece, n, largest);
    }
    return sum;
}

/* At most VEC rows, step by step: each alone would wait for its own sum, and logarithms are taken at once. */
static void softmax_some(const float *x, float *y, size_t rows, size_t count, bool log_of) {
    float largest[VEC], logs[VEC];
    double sums[VEC];
    for (size_t row = 0; row < VEC; row++)
        sums[row] = 1;
    for (size_t row = 0; row < rows; row++)
        largest[row] = row_largest(x + row * count, count);
    for (size_t row = 0; row < rows; row++)
        sums[row] = exp_row(x + row * count, log_of ? NULL : y + row * count, count, largest[row]);
    if (log_of)
        logarithms(sums, logs);
    for (size_t row = 0; row < rows; row++, x += count, y += count)
        if (log_of)
            row_affine(x, y, count, largest[row], 1, -logs[row]);
        else
            row_affine(y, y, count, 0, (float)(1 / sums[row]), 0);
}

#define SHORT_ROW 256 /* longer ones would leave the nearest cache between the steps */

static void row_softmax(const float *x, float *y, size_t rows, size_t count, bool log_of) {
    const size_t most = count <= SHORT_ROW ? VEC : 1;
    for (size_t row = 0; row < rows; row += most, x += most * count, y += most * count) {
        const size_t some = rows - row < most ? rows - row : most;
#if KERNEL_LEVEL == 2
        if (count < VEC) {
            softmax_vectors(x, y, some, count, log_of);
            continue;
        }
#endif
        softmax_some(x, y, some, count, log_of);
    }
}

#define SHORT_CHAIN 32 /* exponentials that are added up in single precision */

INLINE vec load_most(const float *x, size_t left) {
    return left < VEC ? vec_load_some(x, left, (vec){0}) : vec_load(x);
}

INLINE void store_most(float *y, size_t left, vec v) {
    if (left < VEC)
        vec_store_some(y, left, v);
    else
        vec_store(y, v);
}

/* Adds e^(x - largest) of a chain of rows to sums; y NULL: they are not written. */
static void exp_columns(const float *x, float *y, size_t rows, size_t stride, size_t count, const vec *largest,
                        double *sums) {
    vec chains[ROW_COLUMNS / VEC] = {{0}};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j += VEC) {
            const vec e = exp_negative(load_most(x + i * stride + j, count - j) - largest[j / VEC]);
            chains[j / VEC] = chains[j / VEC] + e;
            if (y)
                store_most(y + i * stride + j, count - j, e);
        }
    for (size_t j = 0; j < count; j += VEC)
        for (size_t k = j; k < j + VEC; k++)
            sums[k] += (double)((const float *)chains)[k];
}

static void largest_columns(const float *x, size_t rows, size_t stride, size_t count, vec *largest) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j += VEC) {
            const vec lanes = load_most(x + i * stride + j, count - j);
            largest[j / VEC] = i == 0 ? lanes : vec_max(lanes, largest[j / VEC]);
        }
}

static void row_softmax_columns(const float *x, float *y, size_t rows, size_t stride, size_t count, bool log_of) {
    vec largest[ROW_COLUMNS / VEC];
    float factors[ROW_COLUMNS] = {0};
    double sums[ROW_COLUMNS] = {0}; /* in whole vectors */
    largest_columns(x, rows, stride, count, largest);
    for (size_t i = 0, n; i < rows; i += n) {
        n = rows - i < SHORT_CHAIN ? rows - i : SHORT_CHAIN;
        exp_columns(x + i * stride, log_of ? NULL : y + i * stride, n, stride, count, largest, sums);
    }
    for (size_t j = 0; j < count && log_of; j += VEC)
        logarithms(sums + j, factors + j);
    for (size_t j = 0; j < count && !log_of; j += VEC)
        for (size_t k = j; k < j + VEC; k++)
            factors[k] = (float)(1 / sums[k]);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j += VEC) {
            const vec from = load_most((log_of ? x : y) + i * stride + j, count - j), by = vec_load(factors + j);
            store_most(y + i * stride + j, count - j, log_of ? from - largest[j / VEC] - by : from * by);
        }
}

__attribute__((noinline)) static void row_affine_by(const float *x, float *y, size_t count, float center, float factor,
                                                    float shift, const float *scale, const float *offset) {
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

static void row_affine_rows(const float *x, float *y, size_t rows, size_t count, const struct row_affine *affine,
                            const float *scale, const float *offset) {
    for (size_t row = 0; row < rows; row++, x += count, y += count)
        row_affine_by(x, y, count, affine[row].center, affine[row].factor, affine[row].shift, scale, offset);
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

#if KERNEL_LEVEL > 0
#define SQUARE 8

typedef float floats_8 __attribute__((vector_size(32)));

/* A square of eight rows and columns. */
static void turn_square(const char *x, size_t x_stride, float *y, size_t y_stride) {
    floats_8 pairs[8], fours[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i += 2) {
        floats_8 a, b;
        memcpy(&a, x + i * x_stride * sizeof(float), sizeof a);
        memcpy(&b, x + (i + 1) * x_stride * sizeof(float), sizeof b);
        pairs[i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[i + 1] = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++) {
        const floats_8 a = pairs[i / 2 * 4 + i % 2], b = pairs[i / 2 * 4 + i % 2 + 2];
        fours[2 * i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
        fours[2 * i + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++) {
        const floats_8 low = __builtin_shufflevector(fours[i], fours[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        const floats_8 high = __builtin_shufflevector(fours[i], fours[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        memcpy(y + i * y_stride, &low, sizeof low);
        memcpy(y + (i + 4) * y_stride, &high, sizeof high);
    }
}
#else
#define SQUARE 4

static void turn_square(const char *x, size_t x_stride, float *y, size_t y_stride) {
    turn_four(x, x_stride, y, y_stride);
}
#endif

/* The last squares begin early, so that they are whole. */
static void row_turn(const void *x, size_t x_stride, size_t rows, size_t columns, float *y, size_t y_stride) {
    const char *in = x;
    const size_t square = rows < SQUARE || columns < SQUARE ? 4 : SQUARE;
    if (rows < 4 || columns < 4) {
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
                memcpy(y + c * y_stride + r, in + (r * x_stride + c) * sizeof *y, sizeof *y);
        return;
    }
    for (size_t c = 0; c < columns; c += square)
        for (size_t r = 0; r < rows; r += square) {
            const size_t row = r + square > rows ? rows - square : r;
            const size_t column = c + square > columns ? columns - square : c;
            const char *from = in + (row * x_stride + column) * sizeof *y;
            if (square == 4)
                turn_four(from, x_stride, y + column * y_stride + row, y_stride);
            else
                turn_square(from, x_stride, y + column * y_stride + row, y_stride);
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
                const vec column = v + 1 == vectors && last < VEC ? vec_load_some(row + v * VEC, last, (vec){0})
                                                                  : vec_load(row + v * VEC);
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
        vec_store_some(y + j, columns - j, totals[0]);
    }
}

/* The sums of the lanes of four vectors. */
INLINE four add_four(const vec sums[4]) {
    four parts[4];
    for (int i = 0; i < 4; i++) {
#if KERNEL_LEVEL == 2
        const __m256 eight = _mm512_castps512_ps256(sums[i]) + _mm512_extractf32x8_ps(sums[i], 1);
#elif KERNEL_LEVEL == 1
        const __m256 eight = sums[i];
#endif
#if KERNEL_LEVEL > 0
        parts[i] = (four)(_mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1));
#else
        parts[i] = sums[i];
#endif
    }
    const four ab = __builtin_shufflevector(parts[0], parts[1], 0, 4, 1, 5) +
                    __builtin_shufflevector(parts[0], parts[1], 2, 6, 3, 7);
    const four cd = __builtin_shufflevector(parts[2], parts[3], 0, 4, 1, 5) +
                    __builtin_shufflevector(parts[2], parts[3], 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* Four rows at a time; the last ones begin early, so that they are four. */
static void row_dots(const float *a, size_t depth, const float *b, size_t b_stride, size_t rows, float *y) {
    const size_t whole = depth - depth % VEC, step = rows < 4 ? 0 : 1;
    for (size_t r = 0; r < rows; r += 4) {
        const size_t row = step && r + 4 > rows ? rows - 4 : r;
        const float *from = b + row * b_stride;
        vec sums[4] = {{0}};
        for (size_t k = 0; k < whole; k += VEC)
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++)
                sums[i] = vec_fma(vec_load(a + k), vec_load(from + i * step * b_stride + k), sums[i]);
#pragma GCC unroll 1
        for (size_t i = 0; i < 4 && whole < depth; i++)
            sums[i] = vec_fma(vec_load_some(a + whole, depth - whole, (vec){0}),
                              vec_load_some(from + i * step * b_stride + whole, depth - whole, (vec){0}), sums[i]);
        const four all = add_four(sums);
        memcpy(y + row, &all, (step ? 4 : 1) * sizeof *y);
        r -= step ? 0 : 3;
    }
}

const struct row_kernel LEVEL_NAME(row_kernel) = {.combine = row_combine,
                                                  .dots = row_dots,
                                                  .turn = row_turn,
                                                  .spreads = row_spreads,
                                                  .largest = row_largest,
                                                  .exp_less = row_exp_less,
                                                  .beyond = row_beyond,
                                                  .extreme = row_extreme,
                                                  .overlaps = row_overlaps,
                                                  .softmax = row_softmax,
                                                  .softmax_columns = row_softmax_columns,
                                                  .affine = row_affine,
                                                  .affine_by = row_affine_by,
                                                  .scale_add = row_scale_add,
                                                  .affine_rows = row_affine_rows};
