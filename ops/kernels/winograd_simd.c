/* The transforms of Winograd on channel blocks, a dimension at a time. */
#include "ops/kernels/activate.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/winograd_matrices.h"

#include <math.h>

#define LANES CHANNEL_BLOCK

static inline __attribute__((always_inline)) vec scaled(const float factor, vec x) {
    if (factor == 1)
        return x;
    return vec_all(factor) * x;
}

static inline __attribute__((always_inline)) vec plus_scaled(vec sum, const float factor, vec x) {
    if (factor == 1)
        return sum + x;
    if (factor == -1)
        return sum - x;
    return vec_fma(vec_all(factor), x, sum);
}

/* What is transformed along one dimension: element j (or input, or output) of line i lies at i * line + j * element. */
struct lines {
    int count;
    const float *source;
    size_t source_element, source_line;
    float *destination;
    size_t destination_element, destination_line;
    uintptr_t source_ahead, destination_ahead; /* bytes from each element to where to prefetch; 0: none */
    const float *bias;
    float alpha, beta;
};

/*
 * Adds up the nonzero terms of a row, beginning with one of factor 1 if there is one. Everything but the data is
 * constant: zeros cost nothing.
 */
static inline __attribute__((always_inline)) vec combine(const int columns, const double *row, const vec *terms) {
    int first = columns;
#pragma GCC unroll 23
    for (int j = columns - 1; j >= 0; j--)
        if (row[j] != 0 && (row[j] == 1 || first == columns || row[first] != 1))
            first = j;
    vec sum = first < columns ? scaled((float)row[first], terms[first]) : (vec){0};
#pragma GCC unroll 23
    for (int j = 0; j < columns; j++)
        if (row[j] != 0 && j != first)
            sum = plus_scaled(sum, (float)row[j], terms[j]);
    return sum;
}

/* An address to prefetch, which may lie outside of every array: then it does no harm. */
static inline const void *prefetched_at(const float *place, uintptr_t bytes) {
    return (const void *)((uintptr_t)place + bytes);
}

static inline __attribute__((always_inline)) void multiply(const int rows, const int columns, const int steps,
                                                           const double (*step)[WINOGRAD_COLUMNS],
                                                           const double (*matrix)[WINOGRAD_COLUMNS],
                                                           const struct lines *lines, const bool finishes,
                                                           const enum block_finish finish) {
    const vec alpha = vec_all(lines->alpha), beta = vec_all(lines->beta);
    const float *source = lines->source;
    float *destination = lines->destination;
    for (int line = 0; line < lines->count; line++) {
        for (int v = 0; v < LANES; v += VEC) {
            vec terms[WINOGRAD_COLUMNS];
#pragma GCC unroll 9
            for (int j = 0; j < columns; j++)
                terms[j] = vec_load(source + (size_t)j * lines->source_element + v);
#pragma GCC unroll 14
            for (int i = 0; i < steps; i++)
                terms[columns + i] = combine(columns + i, step[i], terms);
#pragma GCC unroll 9
            for (int i = 0; i < rows; i++) {
                vec sum = combine(columns + steps, matrix[i], terms);
                if (finishes)
                    sum = activate(finish, sum + vec_load(lines->bias + v), alpha, beta);
                vec_store(destination + (size_t)i * lines->destination_element + v, sum);
            }
        }
        if (lines->source_ahead)
#pragma GCC unroll 9
            for (int j = 0; j < columns; j++)
                __builtin_prefetch(prefetched_at(source + (size_t)j * lines->source_element, lines->source_ahead));
        if (lines->destination_ahead)
#pragma GCC unroll 9
            for (int i = 0; i < rows; i++)
                __builtin_prefetch(
                    prefetched_at(destination + (size_t)i * lines->destination_element, lines->destination_ahead), 1);
        source += lines->source_line;
        destination += lines->destination_line;
    }
}

/* The transform of a kind along one dimension, as functions. */
typedef void transform(const struct lines *lines);
#define TRANSFORM(name, rows, columns, steps, step, matrix)                     \
    static void name(const struct lines *lines) {                               \
        multiply(rows, columns, steps, step, matrix, lines, false, BLOCK_COPY); \
    }
#define FINISHED(name, rows, columns, steps, step, matrix, finish)         \
    static void name##_##finish(const struct lines *lines) {               \
        multiply(rows, columns, steps, step, matrix, lines, true, finish); \
    }
#define OUTPUT(name, rows, columns, steps, step, matrix)                 \
    TRANSFORM(name, rows, columns, steps, step, matrix)                  \
    FINISHED(name, rows, columns, steps, step, matrix, BLOCK_COPY)       \
    FINISHED(name, rows, columns, steps, step, matrix, BLOCK_LEAKY_RELU) \
    FINISHED(name, rows, columns, steps, step, matrix, BLOCK_CLIP)
/* ReLU clips at 0 and infinity. */
#define FINISHES(name)                                                                 \
    {                                                                                  \
        [BLOCK_COPY] = name##_BLOCK_COPY, [BLOCK_RELU] = name##_BLOCK_CLIP,            \
        [BLOCK_LEAKY_RELU] = name##_BLOCK_LEAKY_RELU, [BLOCK_CLIP] = name##_BLOCK_CLIP \
    }

TRANSFORM(input_of_2_2, 3, 3, 0, NULL, input_2_2)
TRANSFORM(input_of_4_2, 5, 5, 4, steps_in_4_2, input_4_2)
TRANSFORM(input_of_8_2, 9, 9, 14, steps_in_8_2, input_8_2)
TRANSFORM(input_of_2_3, 4, 4, 0, NULL, input_2_3)
TRANSFORM(input_of_4_3, 6, 6, 4, steps_in_4_3, input_4_3)
TRANSFORM(input_of_2_3_STRIDE_2, 5, 5, 0, NULL, input_2_3_STRIDE_2)
TRANSFORM(input_of_4_3_STRIDE_2, 9, 9, 4, steps_in_4_3_STRIDE_2, input_4_3_STRIDE_2)
OUTPUT(output_of_2_2, 2, 3, 0, NULL, output_2_2)
OUTPUT(output_of_4_2, 4, 5, 0, NULL, output_4_2)
OUTPUT(output_of_8_2, 8, 9, 6, steps_out_8_2, output_8_2)
OUTPUT(output_of_2_3, 2, 4, 0, NULL, output_2_3)
OUTPUT(output_of_4_3, 4, 6, 4, steps_out_4_3, output_4_3)
OUTPUT(output_of_2_3_STRIDE_2, 2, 5, 0, NULL, output_2_3_STRIDE_2)
OUTPUT(output_of_4_3_STRIDE_2, 4, 9, 0, NULL, output_4_3_STRIDE_2)

/* By kind; one of the dimensions of a tile is more than WINOGRAD_ONE. */
static transform *const inputs[WINOGRAD_KINDS] = {[WINOGRAD_2_2] = input_of_2_2,
                                                  [WINOGRAD_4_2] = input_of_4_2,
                                                  [WINOGRAD_8_2] = input_of_8_2,
                                                  [WINOGRAD_2_3] = input_of_2_3,
                                                  [WINOGRAD_4_3] = input_of_4_3,
                                                  [WINOGRAD_2_3_STRIDE_2] = input_of_2_3_STRIDE_2,
                                                  [WINOGRAD_4_3_STRIDE_2] = input_of_4_3_STRIDE_2};
static transform *const outputs[WINOGRAD_KINDS] = {[WINOGRAD_2_2] = output_of_2_2,
                                                   [WINOGRAD_4_2] = output_of_4_2,
                                                   [WINOGRAD_8_2] = output_of_8_2,
                                                   [WINOGRAD_2_3] = output_of_2_3,
                                                   [WINOGRAD_4_3] = output_of_4_3,
                                                   [WINOGRAD_2_3_STRIDE_2] = output_of_2_3_STRIDE_2,
                                                   [WINOGRAD_4_3_STRIDE_2] = output_of_4_3_STRIDE_2};
static transform *const finished[WINOGRAD_KINDS][4] = {[WINOGRAD_2_2] = FINISHES(output_of_2_2),
                                                       [WINOGRAD_4_2] = FINISHES(output_of_4_2),
                                                       [WINOGRAD_8_2] = FINISHES(output_of_8_2),
                                                       [WINOGRAD_2_3] = FINISHES(output_of_2_3),
                                                       [WINOGRAD_4_3] = FINISHES(output_of_4_3),
                                                       [WINOGRAD_2_3_STRIDE_2] = FINISHES(output_of_2_3_STRIDE_2),
                                                       [WINOGRAD_4_3_STRIDE_2] = FINISHES(output_of_4_3_STRIDE_2)};

/* The two stages of a tile. Where one dimension has a single tap there is the last one alone, whose lines are tiles. */
struct stages {
    transform *first, *last;
    struct lines first_lines, last_lines;
};

/* Pixels that a later tile reads or writes. */
static inline __attribute__((always_inline)) void prefetch_lines(uintptr_t from, int rows, size_t row, int columns,
                                                                 size_t column, const bool write) {
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const void *line = (const void *)(from + ((size_t)y * row + (size_t)x * column) * sizeof(float));
            if (write)
                __builtin_prefetch(line, 1);
            else
                __builtin_prefetch(line, 0);
        }
}

static void pass_by_lines(const struct winograd_tiles *tiles, struct stages *stages) {
    struct lines *lines = &stages->last_lines;
    lines->count = tiles->count;
    lines->source_line = tiles->source_tile;
    lines->destination_line = tiles->destination_tile;
    for (int y = 0; y < tiles->rows; y++) {
        lines->source = tiles->source + (size_t)y * tiles->source_down;
        lines->destination = tiles->destination + (size_t)y * tiles->destination_down;
        stages->last(lines);
    }
}

static inline __attribute__((always_inline)) void pass_by_tiles(const struct winograd_tiles *tiles,
                                                                struct stages *stages, int columns, const bool write) {
    const size_t row = write ? tiles->destination_row : tiles->source_row;
    const size_t column = write ? tiles->destination_column : tiles->source_column;
    const size_t tile = write ? tiles->destination_tile : tiles->source_tile;
    for (int y = 0; y < tiles->rows; y++) {
        uintptr_t ahead =
            tiles->ahead + (size_t)y * (write ? tiles->destination_down : tiles->source_down) * sizeof(float);
        stages->first_lines.source = tiles->source + (size_t)y * tiles->source_down;
        stages->last_lines.destination = tiles->destination + (size_t)y * tiles->destination_down;
        for (int i = 0; i < tiles->count; i++, ahead += tile * sizeof(float)) {
            prefetch_lines(ahead, tiles->ahead_rows, row, columns, column, write);
            stages->first(&stages->first_lines);
            stages->last(&stages->last_lines);
            stages->first_lines.source += tiles->source_tile;
            stages->last_lines.destination += tiles->destination_tile;
        }
    }
}

/* Both stages of every tile; or the last one, along the dimension that has more than one tap. */
static inline __attribute__((always_inline)) void pass_over(enum winograd_kind y, enum winograd_kind x,
                                                            const struct winograd_tiles *tiles, struct stages *stages,
                                                            const bool write) {
    struct lines *lines = &stages->last_lines;
    if (y != WINOGRAD_ONE && x != WINOGRAD_ONE) {
        pass_by_tiles(tiles, stages, write ? winograd_outputs(x) : winograd_advance(x), write);
        return;
    }
    const bool across = y == WINOGRAD_ONE;
    lines->source_element = across ? tiles->source_column : tiles->source_row;
    lines->destination_element = across ? tiles->destination_column : tiles->destination_row;
    if (tiles->ahead_rows && write)
        lines->destination_ahead = tiles->ahead - (uintptr_t)tiles->destination;
    else if (tiles->ahead_rows)
        lines->source_ahead = tiles->ahead - (uintptr_t)tiles->source;
    pass_by_lines(tiles, stages);
}

/* Lines with no activation and nothing to prefetch. */
static inline struct lines lines_of(int count, const float *source, size_t source_element, size_t source_line,
                                    float *destination, size_t destination_element, size_t destination_line) {
    return (struct lines){
        count, source, source_element, source_line, destination, destination_element, destination_line, 0, 0, NULL,
        0,     0};
}

/* Along x into `half`, then along y into the elements. */
static void input(enum winograd_kind y, enum winograd_kind x, const struct winograd_tiles *tiles) {
    const int down = winograd_elements(y), across = winograd_elements(x);
    const size_t row = (size_t)across * LANES;
    float half[WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS * LANES] __attribute__((aligned(64)));
    struct stages stages = {
        inputs[x], inputs[y == WINOGRAD_ONE ? x : y],
        lines_of(down, NULL, tiles->source_column, tiles->source_row, half, LANES, row),
        lines_of(across, half, row, LANES, NULL, tiles->destination_row, tiles->destination_column)};
    stages.last_lines.destination_ahead = tiles->element_ahead * sizeof(float);
    pass_over(y, x, tiles, &stages, false);
}

/* Along y into `half`, then along x into place. */
static void output(enum winograd_kind y, enum winograd_kind x, const struct winograd_tiles *tiles) {
    const enum winograd_kind kind = x == WINOGRAD_ONE ? y : x;
    const int down = winograd_outputs(y), across = winograd_elements(x);
    const size_t row = (size_t)across * LANES;
    const bool relu = tiles->finish == BLOCK_RELU;
    float half[WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS * LANES] __attribute__((aligned(64)));
    struct stages stages = {outputs[y], tiles->bias ? finished[kind][tiles->finish] : outputs[kind],
                            lines_of(across, NULL, tiles->source_row, tiles->source_column, half, row, LANES),
                            lines_of(down, half, LANES, row, NULL, tiles->destination_column, tiles->destination_row)};
    stages.last_lines.bias = tiles->bias;
    stages.last_lines.alpha = relu ? 0 : tiles->alpha;
    stages.last_lines.beta = relu ? INFINITY : tiles->beta;
    pass_over(y, x, tiles, &stages, true);
}

/* destination[i] = sum of matrix[i][t] * source[t] for all distinct elements and lanes, in double precision. */
static inline __attribute__((always_inline)) void transform_taps(const enum winograd_kind kind,
                                                                 const double (*matrix)[3], const double *source,
                                                                 size_t tap, double *destination,
                                                                 size_t element_stride) {
    const int elements = winograd_distinct_elements(kind), taps = winograd_taps(kind);
    for (int lane = 0; lane < LANES; lane++) {
#pragma GCC unroll 9
        for (int i = 0; i < elements; i++) {
            double sum = 0;
#pragma GCC unroll 3
            for (int t = 0; t < taps; t++)
                if (matrix[i][t] != 0)
                    sum += matrix[i][t] * source[(size_t)t * tap + (size_t)lane];
            destination[(size_t)i * element_stride + (size_t)lane] = sum;
        }
    }
}

static void transform_line(enum winograd_kind kind, const double *source, size_t tap, double *destination,
                           size_t element_stride) {
#define LINE(k)                                                                             \
    case WINOGRAD_##k:                                                                      \
        transform_taps(WINOGRAD_##k, weight_##k, source, tap, destination, element_stride); \
        break;
    switch (kind) {
        LINE(ONE)
        LINE(2_2)
        LINE(4_2)
        LINE(8_2)
        LINE(2_3)
        LINE(4_3)
        LINE(2_3_STRIDE_2)
        LINE(4_3_STRIDE_2)
    case WINOGRAD_KINDS:
        break;
    }
}

static void weights(enum winograd_kind y, enum winograd_kind x, const float *taps, float *destination,
                    size_t element_stride) {
    const int rows = winograd_taps(y), columns = winograd_taps(x);
    const int across = winograd_distinct_elements(x), down = winograd_distinct_elements(y);
    double wide[3 * 3 * LANES], half[3 * WINOGRAD_ELEMENTS * LANES],
        whole[WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS * LANES];
    for (int i = 0; i < rows * columns * LANES; i++)
        wide[i] = taps[i];
    for (int i = 0; i < rows; i++)
        transform_line(x, wide + i * columns * LANES, LANES, half + i * across * LANES, LANES);
    for (int j = 0; j < across; j++)
        transform_line(y, half + j * LANES, (size_t)(across * LANES), whole + j * LANES, (size_t)(across * LANES));
    for (int p = 0; p < down * across; p++)
        for (int lane = 0; lane < LANES; lane++)
            destination[(size_t)p * element_stride + (size_t)lane] = (float)whole[p * LANES + lane];
}

/* Both dimensions of one vector of lanes stay in registers. Elements that are a tap as it is are left out. */
static inline __attribute__((always_inline)) void expand_as(const enum winograd_kind ky, const double (*gy)[3],
                                                            const enum winograd_kind kx, const double (*gx)[3],
                                                            const float *taps, size_t block, int64_t channels,
                                                            int lanes, float *destination, size_t element_stride) {
    const int down = winograd_distinct_elements(ky), rows = winograd_taps(ky);
    const int across = winograd_distinct_elements(kx), columns = winograd_taps(kx), tap = LANES * lanes;
    for (int64_t channel = 0; channel < channels; channel++, destination += lanes) {
        const float *first = taps + (size_t)(channel / LANES) * block + channel % LANES * lanes;
        for (int v = 0; v < lanes; v += VEC) {
            vec half[WINOGRAD_ELEMENTS][3];
#pragma GCC unroll 3
            for (int y = 0; y < rows; y++) {
                vec row[3];
#pragma GCC unroll 3
                for (int x = 0; x < columns; x++)
                    row[x] = vec_load(first + (y * columns + x) * tap + v);
#pragma GCC unroll 9
                for (int x = 0; x < across; x++)
                    half[x][y] = combine(columns, gx[x], row);
            }
#pragma GCC unroll 9
            for (int y = 0; y < down; y++)
#pragma GCC unroll 9
                for (int x = 0; x < across; x++)
                    if (winograd_pure_tap(ky, y) < 0 || winograd_pure_tap(kx, x) < 0)
                        vec_store(destination + (size_t)(y * across + x) * element_stride + v,
                                  combine(rows, gy[y], half[x]));
        }
    }
}

#define EXPAND(y, x)                                                                                             \
    case WINOGRAD_##y *WINOGRAD_KINDS + WINOGRAD_##x:                                                            \
        expand_as(WINOGRAD_##y, weight_##y, WINOGRAD_##x, weight_##x, taps, block, channels, lanes, destination, \
                  element_stride);                                                                               \
        break;

static void expand(enum winograd_kind y, enum winograd_kind x, const float *taps, size_t block, int64_t channels,
                   int lanes, float *destination, size_t element_stride) {
    switch ((int)y * WINOGRAD_KINDS + (int)x) {
        EXPAND(ONE, 4_2)
        EXPAND(4_2, ONE)
        EXPAND(4_2, 4_2)
        EXPAND(4_3, 4_3)
        EXPAND(2_3_STRIDE_2, 2_3_STRIDE_2)
        EXPAND(4_3_STRIDE_2, 4_3_STRIDE_2)
    default:
        break; /* see winograd_per_panel() */
    }
}

static float factor(enum winograd_kind kind, int element) {
    const double *row = (kind == WINOGRAD_8_2 ? weight_8_2 : weight_4_2)[element];
    return (float)(row[1] / row[0]);
}

/* ---- magnitudes: the upper half of a float without the sign ---- */

#define NO_SIGN 0x7fff

#if KERNEL_LEVEL == 2
typedef __m512i magnitude;
#define MAX(a, b) _mm512_max_epu16(a, b)
#define MIN(a, b) _mm512_min_epu16(a, b)
#define PIXELS 16
#define HALVES_2(a, b) MAX(_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b))
#define HALVES_4(a, b) MAX(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b))
#define HALVES_8(a, b) MAX(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))

/* Those of pixel i in the lower half, of pixel i + 8 in the upper one. */
static inline magnitude magnitude_of(const float *const pixels[PIXELS], int i) {
    const __m512i odd =
        _mm512_add_epi16(_mm512_set1_epi32(0x00030001),
                         _mm512_mullo_epi32(_mm512_set1_epi32(0x00040004),
                                            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
    return _mm512_and_si512(
        _mm512_permutex2var_epi16(_mm512_loadu_si512(pixels[i]), odd, _mm512_loadu_si512(pixels[i + 8])),
        _mm512_set1_epi16(NO_SIGN));
}

/* The largest of each pixel: halves of vectors meet until a lane is left of each. */
static inline __m256i across(magnitude m) {
    m = MAX(m, _mm512_shuffle_i32x4(m, m, 0xb1));
    return _mm512_castsi512_si256(_mm512_shuffle_i32x4(m, m, 0x08));
}

static inline void merge(magnitude sum, int64_t count, uint16_t *largest) {
    const __m256i m = across(sum);
    if (count >= PIXELS) {
        __m256i before;
        memcpy(&before, largest, sizeof before);
        before = _mm256_max_epu16(before, m);
        memcpy(largest, &before, sizeof before);
        return;
    }
    uint16_t values[PIXELS];
    memcpy(values, &m, sizeof values);
    for (int64_t i = 0; i < count; i++)
        largest[i] = values[i] > largest[i] ? values[i] : largest[i];
}
#elif KERNEL_LEVEL == 1
typedef __m256i magnitude;
#define MAX(a, b) _mm256_max_epu16(a, b)
#define MIN(a, b) _mm256_min_epu16(a, b)
#define PIXELS 8
#define HALVES_2(a, b) MAX(_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b))
#define HALVES_4(a, b) MAX(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b))
#define HALVES_8(a, b) MAX(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b))

static inline magnitude magnitude_of(const float *const pixels[PIXELS], int i) {
    const __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)pixels[i]),
                  high = _mm256_loadu_si256((const __m256i *)(const void *)(pixels[i] + VEC));
    return _mm256_and_si256(_mm256_blend_epi16(_mm256_srli_epi32(low, 16), high, 0xaa), _mm256_set1_epi16(NO_SIGN));
}

static inline void merge(magnitude sum, int64_t count, uint16_t *largest) {
    const __m128i m = _mm_max_epu16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    uint16_t values[PIXELS];
    memcpy(values, &m, sizeof values);
    for (int64_t i = 0; i < PIXELS && i < count; i++)
        largest[i] = values[i] > largest[i] ? values[i] : largest[i];
}
#endif

#if KERNEL_LEVEL > 0
static void magnitudes(const float *pixels, size_t step, int64_t count, uint16_t *largest) {
    for (int64_t done = 0; done < count; done += PIXELS, pixels += PIXELS * step) {
        const int64_t last = count - done - 1; /* those past it stand for it */
        const float *places[PIXELS];
        magnitude m[8];
#pragma GCC unroll 16
        for (int64_t i = 0; i < PIXELS; i++)
            places[i] = pixels + (size_t)(i < last ? i : last) * step;
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            m[i] = magnitude_of(places, i);
#pragma GCC unroll 8
        for (int i = 0; i < 4; i++)
            m[i] = HALVES_2(m[2 * i], m[2 * i + 1]);
        merge(HALVES_8(HALVES_4(m[0], m[1]), HALVES_4(m[2], m[3])), count - done, largest + done);
    }
}
#else
typedef uint16_t magnitude;
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

static void magnitudes(const float *pixels, size_t step, int64_t count, uint16_t *largest) {
    for (int64_t i = 0; i < count; i++, pixels += step) {
        uint32_t bits[LANES], most = largest[i];
        memcpy(bits, pixels, sizeof bits);
        for (int lane = 0; lane < LANES; lane++) {
            const uint32_t size = bits[lane] >> 16 & NO_SIGN;
            most = MAX(size, most);
        }
        largest[i] = (uint16_t)most;
    }
}
#endif

static void extremes(const uint16_t *magnitudes_of, int64_t rows, int64_t stride, int64_t columns, uint16_t *most,
                     uint16_t *least) {
    for (int64_t j = 0; j < columns; j += (int64_t)(sizeof(magnitude) / sizeof *most)) {
        magnitude high, low, other;
        memcpy(&high, magnitudes_of + j, sizeof high);
        low = high;
        for (int64_t i = 1; i < rows; i++) {
            memcpy(&other, magnitudes_of + i * stride + j, sizeof other);
            high = MAX(high, other);
            low = MIN(low, other);
        }
        memcpy(most + j, &high, sizeof high);
        memcpy(least + j, &low, sizeof low);
    }
}

/* ---- sizes of weights ---- */

#define ROOT_OF_ONE 0x1fbd1df5u /* half of the bits of a float, and this: its root, to within 3.5 % */

static void sizes(const float *taps, int count, float *known) {
    for (int lane = 0; lane < LANES; lane += VEC) {
        float *place = known + lane;
        vec largest = vec_load(place), sum = vec_load(place + LANES), roots = vec_load(place + 2 * LANES);
        for (int tap = 0; tap < count; tap++) {
            const vec size = vec_abs(vec_load(taps + tap * LANES + lane));
            largest = vec_max(size, largest);
            sum += size; /* not finite, if any of them is */
            roots += (vec)(((vec_bits)size >> 1) + vec_bits_all(ROOT_OF_ONE));
        }
        vec_store(place, largest);
        vec_store(place + LANES, sum);
        vec_store(place + 2 * LANES, roots);
    }
}

const struct winograd_kernel LEVEL_NAME(winograd_kernel) = {input,  output,     weights,  expand,
                                                            factor, magnitudes, extremes, sizes};
