/*
 * Lines and rows of Resize. Where a picture grows, a vector of outputs meets no more inputs than a vector has lanes:
 * each tap is one load, and a permutation that is the same for all taps.
 */
#include "ops/kernels/resize.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

typedef int32_t vec_ints __attribute__((vector_size(VEC * sizeof(int32_t))));

static inline vec_ints ints_load(const int32_t *p) {
    vec_ints v;
    memcpy(&v, p, sizeof v);
    return v;
}

#define INLINE static inline __attribute__((always_inline))

/* x[lane] by lane. */
INLINE vec permute(vec x, vec_ints lanes) {
#if KERNEL_LEVEL == 2
    return _mm512_permutexvar_ps((__m512i)lanes, x);
#elif KERNEL_LEVEL == 1
    return _mm256_permutevar8x32_ps(x, (__m256i)lanes);
#elif defined(__clang__)
    const vec y = {x[lanes[0] & 3], x[lanes[1] & 3], x[lanes[2] & 3], x[lanes[3] & 3]};
    return y;
#else
    return __builtin_shuffle(x, lanes);
#endif
}

/* x[lane] by lane, of VEC * 2 numbers that follow each other. */
INLINE vec permute_pair(const float *x, vec_ints lanes) {
#if KERNEL_LEVEL == 2
    return _mm512_permutex2var_ps(vec_load(x), (__m512i)lanes, vec_load(x + VEC));
#elif KERNEL_LEVEL == 1
    const vec low = permute(vec_load(x), lanes), high = permute(vec_load(x + VEC), lanes);
    return _mm256_blendv_ps(high, low, (vec)(lanes < VEC));
#else
    vec y;
    for (int i = 0; i < VEC; i++)
        y[i] = x[lanes[i]];
    return y;
#endif
}

INLINE float multiply_add(float a, float b, float c) {
#if KERNEL_LEVEL > 0
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* The same of VEC * 3 numbers. */
INLINE vec permute_three(const float *x, vec_ints lanes) {
#if KERNEL_LEVEL == 2
    const __mmask16 third = _mm512_cmpge_epi32_mask((__m512i)lanes, _mm512_set1_epi32(2 * VEC));
    return _mm512_mask_permutexvar_ps(permute_pair(x, lanes), third, (__m512i)lanes, vec_load(x + 2 * VEC));
#elif KERNEL_LEVEL == 1
    return _mm256_blendv_ps(permute(vec_load(x + 2 * VEC), lanes), permute_pair(x, lanes), (vec)(lanes < 2 * VEC));
#else
    return permute_pair(x, lanes);
#endif
}

#define NO_WINDOW (-1)

/* Where the inputs of the outputs o..o+VEC-1 begin, when `width` numbers cover those of each tap; else NO_WINDOW. */
static int64_t window_of(const struct resize_line *line, int64_t o, int64_t width) {
    const int32_t *first = line->first + o;
    int32_t low = first[0], high = first[0];
    for (int i = 1; i < VEC; i++) {
        low = first[i] < low ? first[i] : low;
        high = first[i] > high ? first[i] : high;
    }
    const int64_t last_start = line->in - width - (line->taps - 1), start = low < last_start ? low : last_start;
    return start >= 0 && high - start < width ? start : NO_WINDOW;
}

#define WIDEST (KERNEL_LEVEL > 0 ? 3 : 1) /* vectors of a window */

/* The narrowest window: where it begins times four, and its vectors. */
static int32_t narrowest(const struct resize_line *line, int64_t o) {
    for (int vectors = 1; vectors <= WIDEST && line->in <= INT32_MAX / 4 - 1; vectors++) {
        const int64_t start = window_of(line, o, (int64_t)vectors * VEC);
        if (start >= 0)
            return (int32_t)(4 * start + vectors);
    }
    return NO_WINDOW;
}

/* The last window is that of the last VEC outputs, some of which the one before has, too. */
static void plan(const struct resize_line *line, int32_t *windows) {
    int64_t o = 0;
    for (; o + VEC <= line->out; o += VEC)
        *windows++ = narrowest(line, o);
    if (o < line->out && line->out >= VEC)
        *windows = narrowest(line, line->out - VEC);
}

INLINE vec permute_some(const float *x, vec_ints lanes, const int vectors) {
    return vectors == 3 ? permute_three(x, lanes) : vectors == 2 ? permute_pair(x, lanes) : permute(vec_load(x), lanes);
}

/* VEC outputs whose inputs lie in so many vectors from x on. */
INLINE vec window_sum(const struct resize_line *line, int64_t o, const float *x, vec_ints lanes, const int vectors,
                      const int taps, const bool weighted) {
    const float *weights = (const float *)line->weights + o;
    vec sum = permute_some(x, lanes, vectors);
    if (weighted)
        sum = sum * vec_load(weights);
    for (int t = 1; t < taps; t++) {
        sum = vec_fma(permute_some(x + t, lanes, vectors), vec_load(weights + t * line->out), sum);
    }
    return sum;
}

/* The outputs from..end-1, each by itself. */
INLINE void single_sums(const struct resize_line *line, int64_t from, int64_t end, const int taps,
                        const bool weighted) {
    const float *x = line->x, *weights = line->weights;
    float *y = line->y;
    for (int64_t o = from; o < end; o++) {
        const float *place = x + line->first[o];
        float sum = weighted ? place[0] * weights[o] : place[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(place[t], weights[t * line->out + o], sum);
        y[o] = sum;
    }
}

/* inner is 1. Inlined with a constant `taps`, or with line->taps. */
INLINE void line_of(const struct resize_line *line, const int taps, const bool weighted) {
    const int32_t *window = line->windows;
    if (line->out < VEC) {
        single_sums(line, 0, line->out, taps, weighted);
        return;
    }
    for (int64_t next = 0; next < line->out; next += VEC, window++) {
        const int64_t o = next + VEC <= line->out ? next : line->out - VEC;
        const float *x = (const float *)line->x + *window / 4;
        float *y = (float *)line->y + o;
        const vec_ints lanes = ints_load(line->first + o) - *window / 4;
        if (*window == NO_WINDOW)
            single_sums(line, next, o + VEC, taps, weighted);
        else if (*window % 4 == 1)
            vec_store(y, window_sum(line, o, x, lanes, 1, taps, weighted));
        else if (WIDEST > 1 && *window % 4 == 2)
            vec_store(y, window_sum(line, o, x, lanes, 2, taps, weighted));
        else if (WIDEST > 1)
            vec_store(y, window_sum(line, o, x, lanes, 3, taps, weighted));
    }
}

/* One pixel of `inner` numbers. */
INLINE void pixel_of(const float *x, int64_t inner, const float *weights, int64_t stride, const int taps, float *y) {
    int64_t i = 0;
    for (; i + VEC <= inner; i += VEC) {
        vec sum = vec_load(x + i) * vec_all(weights[0]);
        for (int t = 1; t < taps; t++)
            sum = vec_fma(vec_load(x + t * inner + i), vec_all(weights[t * stride]), sum);
        vec_store(y + i, sum);
    }
    for (; i < inner; i++) {
        float sum = x[i] * weights[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(x[t * inner + i], weights[t * stride], sum);
        y[i] = sum;
    }
}

INLINE void pixels_of(const struct resize_line *line, const int64_t inner, const int taps) {
    const float *x = line->x, *weights = line->weights;
    float *y = line->y;
    for (int64_t o = 0; o < line->out; o++)
        pixel_of(x + line->first[o] * inner, inner, weights + o, line->out, taps, y + o * inner);
}

INLINE void any_line(const struct resize_line *line, const int taps) {
    if (line->inner == 1)
        line_of(line, taps, true);
    else if (line->inner == CHANNEL_BLOCK)
        pixels_of(line, CHANNEL_BLOCK, taps);
    else
        pixels_of(line, line->inner, taps);
}

static void line_taps(const struct resize_line *line) {
    switch (line->taps) {
    case 2:
        any_line(line, 2);
        break;
    case 4:
        any_line(line, 4);
        break;
    default:
        any_line(line, line->taps);
        break;
    }
}

/* The last vector has some of the numbers of the one before, too. */
INLINE void blend_of(const struct resize_blend *blend, const int taps) {
    const float *const weights = blend->weights;
    const void *const *rows = blend->rows;
    float *y = blend->y;
    const int64_t whole = blend->count < VEC ? 0 : blend->count;
    for (int64_t next = 0; next < whole; next += VEC) {
        const int64_t i = next + VEC <= whole ? next : whole - VEC;
        vec sum = vec_load((const float *)rows[0] + i) * vec_all(weights[0]);
        for (int t = 1; t < taps; t++)
            sum = vec_fma(vec_load((const float *)rows[t] + i), vec_all(weights[t]), sum);
        vec_store(y + i, sum);
    }
    for (int64_t i = whole; i < blend->count; i++) {
        float sum = ((const float *)rows[0])[i] * weights[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(((const float *)rows[t])[i], weights[t], sum);
        y[i] = sum;
    }
}

static void blend_taps(const struct resize_blend *blend) {
    switch (blend->taps) {
    case 2:
        blend_of(blend, 2);
        break;
    case 4:
        blend_of(blend, 4);
        break;
    default:
        blend_of(blend, blend->taps);
        break;
    }
}

static void pick(const struct resize_line *line) {
    line_of(line, 1, false);
}

static void twice(const void *in, int64_t rows, int64_t columns, void *out) {
    const float *x = in;
    float *y = out;
    vec_ints low, high;
    for (int i = 0; i < VEC; i++) {
        low[i] = i / 2;
        high[i] = VEC / 2 + i / 2;
    }
    for (int64_t r = 0; r < rows; r++, x += columns, y += 4 * columns) {
        float *below = y + 2 * columns;
        int64_t c = 0;
        for (; c + VEC <= columns; c += VEC) {
            const vec v = vec_load(x + c), first = permute(v, low), second = permute(v, high);
            vec_store(y + 2 * c, first);
            vec_store(y + 2 * c + VEC, second);
            vec_store(below + 2 * c, first);
            vec_store(below + 2 * c + VEC, second);
        }
        for (; c < columns; c++)
            y[2 * c] = y[2 * c + 1] = below[2 * c] = below[2 * c + 1] = x[c];
    }
}

/* Numbers x[index[lane]]; 0 for negative indices. */
INLINE vec gathered(const float *x, vec_ints index) {
#if KERNEL_LEVEL == 2
    const __mmask16 inside = _mm512_cmpge_epi32_mask((__m512i)index, _mm512_setzero_si512());
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), inside, (__m512i)index, x, 4);
#elif KERNEL_LEVEL == 1
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), x, (__m256i)index, (__m256)(index >= 0), 4);
#else
    vec v;
    for (int i = 0; i < VEC; i++)
        v[i] = index[i] < 0 ? 0 : x[index[i]];
    return v;
#endif
}

INLINE void gather_of(const struct resize_gather *gather, const int taps) {
    for (int i = 0; i < gather->count; i += VEC) {
        vec sum = gathered(gather->x, ints_load(gather->index[0] + i)) * vec_load(gather->weights[0] + i);
        for (int t = 1; t < taps; t++)
            sum = vec_fma(gathered(gather->x, ints_load(gather->index[t] + i)), vec_load(gather->weights[t] + i), sum);
        if (i + VEC <= gather->count)
            vec_store(gather->y + i, sum);
        else
            memcpy(gather->y + i, &sum, (size_t)(gather->count - i) * sizeof(float));
    }
}

static void gather_taps(const struct resize_gather *gather) {
    if (gather->taps == 4)
        gather_of(gather, 4);
    else
        gather_of(gather, gather->taps);
}

const struct resize_kernel LEVEL_NAME(resize_kernel) = {plan, line_taps, blend_taps, pick, twice, gather_taps};
