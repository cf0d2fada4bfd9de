#include "ops/movement/strided_planes.h"

#include "ops/movement/block_copy.h"

#include <stdlib.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16") for

typedef uint8_t lanes_1 __attribute__((vector_size(16)));
typedef uint16_t lanes_2 __attribute__((vector_size(16)));
typedef uint32_t lanes_4 __attribute__((vector_size(16)));
typedef uint64_t lanes_8 __attribute__((vector_size(16)));
typedef uint64_t lanes_16 __attribute__((vector_size(16)));

/* The first (LOW) or second half of two vectors, one element of each in turn. */
#define LOW_1(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_1(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_2(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_2(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_8(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH_8(a, b) __builtin_shufflevector(a, b, 1, 3)
#define LOW_16(a, b) (a) /* one element is one vector: no step is taken */
#define HIGH_16(a, b) (b)

#define SCATTER(bytes)                                                                           \
    static void scatter_##bytes(char *to, const char *from, const struct strided_plane *plane) { \
        const struct strided_plane p = *plane;                                                   \
        for (int64_t row = 0; row < p.rows; row++) {                                             \
            char *const t = to + row * p.to_row;                                                 \
            const char *const f = from + row * p.from_row;                                       \
            for (int64_t column = 0; column < p.columns; column++)                               \
                memcpy(t + column * p.to_column, f + column * p.from_column, bytes);             \
        }                                                                                        \
    }

#define FILL(bytes)                                                                        \
    static void fill_##bytes(char *to, const char *from, const struct strided_plane *p) {  \
        for (int64_t row = 0; row < p->rows; row++)                                        \
            block_fill(to + row * p->to_row, from + row * p->from_row, bytes, p->columns); \
    }

/*
 * As many lines as a vector has elements, LINE_BYTES apart, become as many rows of the destination. Interleaving the
 * first half of the vectors with the second, log2(elements) times, transposes.
 */
#define SQUARE(bytes)                                                                  \
    ALWAYS_INLINE void square_##bytes(char *to, int64_t to_row, const char *lines) {   \
        enum { count = 16 / bytes };                                                   \
        lanes_##bytes a[count], b[count];                                              \
        UNROLLED(int i = 0; i < count; i++) memcpy(&a[i], lines + i * LINE_BYTES, 16); \
        UNROLLED(int step = count; step > 1; step /= 2) {                              \
            UNROLLED(int i = 0; i < count / 2; i++) {                                  \
                b[2 * i] = LOW_##bytes(a[i], a[i + count / 2]);                        \
                b[2 * i + 1] = HIGH_##bytes(a[i], a[i + count / 2]);                   \
            }                                                                          \
            UNROLLED(int i = 0; i < count; i++) a[i] = b[i];                           \
        }                                                                              \
        UNROLLED(int i = 0; i < count; i++) memcpy(to + i * to_row, &a[i], 16);        \
    }

/*
 * A tile is one cache line of each of its source lines. They are gathered on the stack first: where the strides are
 * powers of two, source and destination compete for the same few places of the cache.
 */
#define TILE(bytes)                                                                                                    \
    static void tile_##bytes(char *to, const char *from, const struct strided_plane *p, int64_t row, int64_t column) { \
        enum { side = LINE_BYTES / bytes, count = 16 / bytes };                                                        \
        const int rows = p->rows - row < side ? (int)(p->rows - row) : side;                                           \
        const int columns = p->columns - column < side ? (int)(p->columns - column) : side;                            \
        char lines[side * LINE_BYTES];                                                                                 \
        to += row * p->to_row + column * bytes;                                                                        \
        from += row * bytes + column * p->from_column;                                                                 \
        for (int i = 0; i < columns; i++)                                                                              \
            if (rows == side)                                                                                          \
                memcpy(lines + i * LINE_BYTES, from + i * p->from_column, LINE_BYTES);                                 \
            else                                                                                                       \
                memcpy(lines + i * LINE_BYTES, from + i * p->from_column, (size_t)rows * bytes);                       \
        for (int r = 0; r < rows; r += count)                                                                          \
            for (int c = 0; c < columns; c += count) {                                                                 \
                char *corner = to + r * p->to_row + c * bytes;                                                         \
                const char *line = lines + c * LINE_BYTES + r * bytes;                                                 \
                if (r + count <= rows && c + count <= columns) {                                                       \
                    square_##bytes(corner, p->to_row, line);                                                           \
                    continue;                                                                                          \
                }                                                                                                      \
                for (int i = 0; i < count && r + i < rows; i++)                                                        \
                    for (int j = 0; j < count && c + j < columns; j++)                                                 \
                        memcpy(corner + i * p->to_row + j * bytes, line + j * LINE_BYTES + i * bytes, bytes);          \
            }                                                                                                          \
    }

/* In the order that keeps to few memory pages on the side with the larger steps. */
#define TRANSPOSE(bytes)                                                                       \
    static void transpose_##bytes(char *to, const char *from, const struct strided_plane *p) { \
        enum { side = LINE_BYTES / bytes };                                                    \
        if (llabs(p->from_column) >= llabs(p->to_row)) {                                       \
            for (int64_t column = 0; column < p->columns; column += side)                      \
                for (int64_t row = 0; row < p->rows; row += side)                              \
                    tile_##bytes(to, from, p, row, column);                                    \
        } else {                                                                               \
            for (int64_t row = 0; row < p->rows; row += side)                                  \
                for (int64_t column = 0; column < p->columns; column += side)                  \
                    tile_##bytes(to, from, p, row, column);                                    \
        }                                                                                      \
    }

#define ELEMENT_SIZES(X) X(1) X(2) X(4) X(8) X(16)
ELEMENT_SIZES(SCATTER)
ELEMENT_SIZES(FILL)
ELEMENT_SIZES(SQUARE)
ELEMENT_SIZES(TILE)
ELEMENT_SIZES(TRANSPOSE)

#define KERNELS(bytes) {scatter_##bytes, transpose_##bytes, fill_##bytes},
const struct plane_kernels plane_kernels[5] = {ELEMENT_SIZES(KERNELS)};

void plane_rows(char *to, const char *from, const struct strided_plane *p) {
    for (int64_t row = 0; row < p->rows; row++)
        memcpy(to + row * p->to_row, from + row * p->from_row, (size_t)p->columns * (size_t)p->to_column);
}
