/* Pooling of floats. */
#include "ops/kernels/pool.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define INLINE static inline __attribute__((always_inline))

INLINE vec mapped(const enum pool_kind kind, vec x) {
    if (kind == POOL_ABSOLUTES)
        return vec_abs(x);
    if (kind == POOL_SQUARES)
        return x * x;
    return x;
}

INLINE vec joined(const enum pool_kind kind, vec a, vec b) {
    if (kind == POOL_MAX)
        return vec_larger(a, b);
    return a + b;
}

INLINE float mapped_one(const enum pool_kind kind, float x) {
    return kind == POOL_ABSOLUTES ? __builtin_fabsf(x) : kind == POOL_SQUARES ? x * x : x;
}

INLINE float joined_one(const enum pool_kind kind, float a, float b) {
    return kind != POOL_MAX ? a + b : a > b || a != a ? a : b;
}

INLINE vec stacked(const enum pool_kind kind, const struct pool_stack *stack, int64_t i) {
    vec sum = mapped(kind, vec_load((const float *)stack->rows[0] + i));
    for (int64_t r = 1; r < stack->row_count; r++)
        sum = joined(kind, sum, mapped(kind, vec_load((const float *)stack->rows[r] + i)));
    return sum;
}

INLINE void stack_as(const enum pool_kind kind, const struct pool_stack *stack) {
    const vec nothing = vec_all(*(const float *)stack->nothing);
    float *y = stack->y;
    int64_t i = 0;
    for (; i + VEC <= stack->count; i += VEC)
        vec_store(y + i, stacked(kind, stack, i));
    if (i == stack->count)
        return;
    vec sum = nothing;
    for (int64_t r = 0; r < stack->row_count; r++)
        sum =
            joined(kind, sum,
                   mapped(kind, vec_load_some((const float *)stack->rows[r] + i, (size_t)(stack->count - i), nothing)));
    vec_store(y + i, sum);
}

#define EACH_KIND(CALL)       \
    switch (kind) {           \
    case POOL_MAX:            \
        CALL(POOL_MAX);       \
        break;                \
    case POOL_SUM:            \
        CALL(POOL_SUM);       \
        break;                \
    case POOL_ABSOLUTES:      \
        CALL(POOL_ABSOLUTES); \
        break;                \
    case POOL_SQUARES:        \
        CALL(POOL_SQUARES);   \
        break;                \
    case POOL_POWERS:         \
        break;                \
    }

static void stack_rows(enum pool_kind kind, const struct pool_stack *stack){
#define STACK(k) stack_as(k, stack)
    EACH_KIND(STACK)}

/* Every second number of two vectors. */
INLINE vec second_ones(const float *x) {
#if KERNEL_LEVEL == 2
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutex2var_ps(vec_load(x), even, vec_load(x + VEC));
#elif KERNEL_LEVEL == 1
    const __m256 pairs = _mm256_shuffle_ps(vec_load(x), vec_load(x + VEC), _MM_SHUFFLE(2, 0, 2, 0));
    return (vec)_mm256_permute4x64_pd((__m256d)pairs, _MM_SHUFFLE(3, 1, 2, 0));
#else
    const vec even = {x[0], x[2], x[4], x[6]};
    return even;
#endif
}

INLINE vec strided(const float *x, const int64_t stride) {
    if (stride == 1)
        return vec_load(x);
    if (stride == 2)
        return second_ones(x);
    vec v;
    for (int i = 0; i < VEC; i++)
        v[i] = x[i * stride];
    return v;
}

/* x / divisor, rounded as by a division: a product, and what it lacks. Infinite quotients lack nothing. */
INLINE vec quotient(vec x, vec divisor, vec inverse) {
#if KERNEL_LEVEL > 0
    const vec about = x * inverse, lack = vec_fma((vec){0} - about, divisor, x), exact = vec_fma(lack, inverse, about);
#if KERNEL_LEVEL == 2
    return _mm512_mask_mov_ps(exact, _mm512_cmp_ps_mask(lack, lack, _CMP_UNORD_Q), about);
#else
    return _mm256_blendv_ps(exact, about, _mm256_cmp_ps(lack, lack, _CMP_UNORD_Q));
#endif
#else
    (void)inverse;
    return x / divisor;
#endif
}

INLINE vec across_at(const enum pool_kind kind, const struct pool_line *line, int64_t o, const int64_t stride,
                     const int64_t taps, const bool divided) {
    const float *from = (const float *)line->x + o * stride;
    vec sum = strided(from, stride);
    for (int64_t k = 1; k < taps; k++)
        sum = joined(kind, sum, strided(from + k * line->dilation, stride));
    if (divided)
        return quotient(sum, vec_load((const float *)line->divisors + o) * vec_all((float)line->rows),
                        vec_load((const float *)line->inverses + o) * vec_all((float)(1 / line->rows)));
    return sum;
}

/* One by one: vectors would read what lies far behind the line. */
INLINE void single_sums(const enum pool_kind kind, const struct pool_line *line, const bool divided) {
    float *y = line->y;
    for (int64_t o = 0; o < line->out; o++) {
        const float *from = (const float *)line->x + o * line->stride;
        float sum = from[0];
        for (int64_t k = 1; k < line->taps; k++)
            sum = joined_one(kind, sum, from[k * line->dilation]);
        y[o] = divided ? sum / (((const float *)line->divisors)[o] * (float)line->rows) : sum;
    }
}

/* Pixels of one element. Inlined with a constant stride and number of taps, where they are small. The last vector
 * overlaps the one before it. */
INLINE void across_line(const enum pool_kind kind, const struct pool_line *line, const int64_t stride,
                        const int64_t taps, const bool divided) {
    const int64_t out = line->out;
    float *y = line->y;
    if (out < VEC && stride > 2) {
        single_sums(kind, line, divided);
        return;
    }
    for (int64_t o = 0, at = 0; o < out; o += VEC, at = o + VEC <= out ? o : out - VEC) {
        const vec sums = across_at(kind, line, at, stride, taps, divided);
        if (out >= VEC)
            vec_store(y + at, sums);
        else
            vec_store_some(y, (size_t)out, sums);
    }
}

INLINE void across_pixels(const enum pool_kind kind, const struct pool_line *line, const int64_t inner) {
    const int64_t step = line->dilation * inner;
    const float *divisors = line->divisors, *inverses = line->inverses;
    const float rows = (float)line->rows, inverse = (float)(1 / line->rows);
    float *y = line->y;
    for (int64_t o = 0; o < line->out; o++, y += inner) {
        const float *x = (const float *)line->x + o * line->stride * inner;
        for (int64_t i = 0; i < inner; i += VEC) {
            vec sum = vec_load(x + i);
            for (int64_t k = 1; k < line->taps; k++)
                sum = joined(kind, sum, vec_load(x + k * step + i));
            if (divisors)
                sum = quotient(sum, vec_all(divisors[o] * rows), vec_all(inverses[o] * inverse));
            if (inner % VEC == 0 || i + VEC <= inner)
                vec_store(y + i, sum);
            else
                vec_store_some(y + i, (size_t)(inner - i), sum);
        }
    }
}

INLINE void line_as(const enum pool_kind kind, const struct pool_line *line, const bool divided) {
    if (line->stride == 1 && line->taps == 3)
        across_line(kind, line, 1, 3, divided);
    else if (line->stride == 1)
        across_line(kind, line, 1, line->taps, divided);
    else if (line->stride == 2 && line->taps == 2)
        across_line(kind, line, 2, 2, divided);
    else if (line->stride == 2 && line->taps == 3)
        across_line(kind, line, 2, 3, divided);
    else if (line->stride == 2)
        across_line(kind, line, 2, line->taps, divided);
    else
        across_line(kind, line, line->stride, line->taps, divided);
}

INLINE void across_as(const enum pool_kind kind, const struct pool_line *line) {
    if (line->inner == CHANNEL_BLOCK)
        across_pixels(kind, line, CHANNEL_BLOCK);
    else if (line->inner != 1)
        across_pixels(kind, line, line->inner);
    else if (line->divisors)
        line_as(kind, line, true);
    else
        line_as(kind, line, false);
}

static void across(enum pool_kind kind, const struct pool_line *line) {
    if (kind == POOL_MAX)
        across_as(POOL_MAX, line);
    else
        across_as(POOL_SUM, line);
}

/* Taps first..end-1 of all rows meet an input. */
INLINE vec pixel_at(const enum pool_kind kind, const struct pool_stack *stack, const int64_t from, const int64_t step,
                    const int64_t first, const int64_t end) {
    vec sum = mapped(kind, vec_load((const float *)stack->rows[0] + from + first * step));
    for (int64_t k = first + 1; k < end; k++)
        sum = joined(kind, sum, mapped(kind, vec_load((const float *)stack->rows[0] + from + k * step)));
    for (int64_t r = 1; r < stack->row_count; r++)
        for (int64_t k = first; k < end; k++)
            sum = joined(kind, sum, mapped(kind, vec_load((const float *)stack->rows[r] + from + k * step)));
    return sum;
}

/* Pixel p of all rows. */
INLINE vec column_at(const enum pool_kind kind, const struct pool_stack *stack, int64_t p, int64_t in, int64_t i) {
    vec sum = vec_all(*(const float *)stack->nothing);
    if (p < 0 || p >= in || stack->row_count == 0)
        return sum;
    sum = vec_load((const float *)stack->rows[0] + p * CHANNEL_BLOCK + i);
    for (int64_t r = 1; r < stack->row_count; r++)
        sum = joined(kind, sum, vec_load((const float *)stack->rows[r] + p * CHANNEL_BLOCK + i));
    return sum;
}

/* Three neighbours for each output, a stride of 1 or 2: every column serves three times, or every second one twice. */
INLINE void pixels_by_three(const enum pool_kind kind, const struct pool_stack *stack, const struct pool_line *line) {
    const float *divisors = line->divisors, *inverses = line->inverses;
    const float rows = (float)line->rows, inverse = (float)(1 / line->rows);
    for (int64_t i = 0; i < CHANNEL_BLOCK; i += VEC) {
        vec first = column_at(kind, stack, -line->pad, line->in, i);
        vec second = column_at(kind, stack, 1 - line->pad, line->in, i);
        float *y = (float *)line->y + i;
        int64_t p = 2 - line->pad;
        for (int64_t o = 0; o < line->out; o++, y += CHANNEL_BLOCK, p++) {
            const vec third = column_at(kind, stack, p, line->in, i);
            vec sum = joined(kind, joined(kind, first, second), third);
            if (divisors)
                sum = quotient(sum, vec_all(divisors[o] * rows), vec_all(inverses[o] * inverse));
            vec_store(y, sum);
            first = line->stride == 1 ? second : third;
            second = third;
            if (line->stride == 2 && o + 1 < line->out)
                second = column_at(kind, stack, ++p, line->in, i);
        }
    }
}

INLINE void pixels_as(const enum pool_kind kind, const struct pool_stack *stack, const struct pool_line *line) {
    const float *divisors = line->divisors, *inverses = line->inverses;
    const float rows = (float)line->rows, inverse = (float)(1 / line->rows);
    const int64_t step = line->dilation * CHANNEL_BLOCK;
    float *y = line->y;
    if ((kind == POOL_MAX || kind == POOL_SUM) && line->taps == 3 && line->stride <= 2 && line->dilation == 1) {
        pixels_by_three(kind, stack, line);
        return;
    }
    for (int64_t o = 0; o < line->out; o++, y += CHANNEL_BLOCK) {
        const int64_t start = o * line->stride - line->pad;
        int64_t first = 0, end = line->taps;
        while (first < end && start + first * line->dilation < 0)
            first++;
        while (end > first && start + (end - 1) * line->dilation >= line->in)
            end--;
        for (int64_t i = 0; i < CHANNEL_BLOCK; i += VEC) {
            vec sum = vec_all(*(const float *)stack->nothing);
            if (first < end && stack->row_count > 0)
                sum = pixel_at(kind, stack, start * CHANNEL_BLOCK + i, step, first, end);
            if (divisors)
                sum = quotient(sum, vec_all(divisors[o] * rows), vec_all(inverses[o] * inverse));
            vec_store(y + i, sum);
        }
    }
}

static void pixels(enum pool_kind kind, const struct pool_stack *stack, const struct pool_line *line) {
#define PIXELS(k) pixels_as(k, stack, line)
    EACH_KIND(PIXELS)
}

#define CHAINS 4   /* of sums, which do not wait for one another */
#define PIECE 1024 /* numbers that are added up in single precision, in chains of vectors: their errors are small */

/* Numbers that follow each other, as CHAINS vectors; count is a multiple of VEC, above 0. */
INLINE vec sum_of(const enum pool_kind kind, const float *x, int64_t count) {
    vec sums[CHAINS];
    int64_t i = VEC;
    for (int k = 0; k < CHAINS; k++) {
        sums[k] = mapped(kind, vec_load(x));
        if (k > 0 && kind != POOL_MAX)
            sums[k] = (vec){0};
    }
    for (; i + CHAINS * VEC <= count; i += CHAINS * VEC)
#pragma GCC unroll 4
        for (int k = 0; k < CHAINS; k++)
            sums[k] = joined(kind, sums[k], mapped(kind, vec_load(x + i + k * VEC)));
    for (; i < count; i += VEC)
        sums[0] = joined(kind, sums[0], mapped(kind, vec_load(x + i)));
    return joined(kind, joined(kind, sums[0], sums[1]), joined(kind, sums[2], sums[3]));
}

INLINE void whole_line(const enum pool_kind kind, const float *x, int64_t count, void *total) {
    double sum = 0;
    float most = mapped_one(kind, x[0]);
    const int64_t vectors = count / VEC * VEC;
    for (int64_t i = 0, n; i < vectors; i += n) {
        n = vectors - i < PIECE ? vectors - i : PIECE;
        const vec part = sum_of(kind, x + i, n);
        for (int lane = 0; lane < VEC; lane++) {
            sum += (double)part[lane];
            most = joined_one(POOL_MAX, most, part[lane]);
        }
    }
    for (int64_t i = vectors; i < count; i++) {
        sum += (double)mapped_one(kind, x[i]);
        most = joined_one(POOL_MAX, most, x[i]);
    }
    if (kind == POOL_MAX)
        memcpy(total, &most, sizeof most);
    else
        memcpy(total, &sum, sizeof sum);
}

/* A vector of every pixel: `step` numbers from one to the next. */
INLINE vec column_of(const enum pool_kind kind, const float *x, int64_t count, const int64_t step) {
    vec even = mapped(kind, vec_load(x)), odd = even;
    if (kind != POOL_MAX)
        odd = (vec){0};
    for (int64_t i = 1; i + 2 <= count; i += 2) {
        even = joined(kind, even, mapped(kind, vec_load(x + i * step)));
        odd = joined(kind, odd, mapped(kind, vec_load(x + (i + 1) * step)));
    }
    if (count % 2 == 0)
        even = joined(kind, even, mapped(kind, vec_load(x + (count - 1) * step)));
    return joined(kind, even, odd);
}

INLINE void whole_blocks(const enum pool_kind kind, const float *x, int64_t count, void *total) {
    const int64_t piece = PIECE / CHANNEL_BLOCK;
    for (int lane = 0; lane < CHANNEL_BLOCK; lane += VEC)
        for (int64_t i = 0, n; i < count; i += n) {
            n = count - i < piece ? count - i : piece;
            const vec part = column_of(kind, x + i * CHANNEL_BLOCK + lane, n, CHANNEL_BLOCK);
            for (int k = 0; k < VEC; k++) {
                float *most = (float *)total + lane + k;
                double *sum = (double *)total + lane + k;
                if (kind == POOL_MAX)
                    *most = i ? joined_one(POOL_MAX, *most, part[k]) : part[k];
                else
                    *sum = (i ? *sum : 0) + (double)part[k];
            }
        }
}

static void whole(enum pool_kind kind, const void *x, int64_t count, int64_t inner, void *total) {
#define WHOLE(k) inner == 1 ? whole_line(k, x, count, total) : whole_blocks(k, x, count, total)
    EACH_KIND(WHOLE)
}

const struct pool_kernel LEVEL_NAME(pool_kernel) = {stack_rows, across, pixels, whole};
