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
 * As many lines as a vector has elements, `from_line` apart, become as many rows of the destination. Interleaving the
 * first half of the vectors with the second, log2(elements) times, transposes.
 */
#define SQUARE(bytes)                                                                                   \
    ALWAYS_INLINE void square_##bytes(char *to, int64_t to_row, const char *lines, int64_t from_line) { \
        enum { count = 16 / bytes };                                                                    \
        lanes_##bytes a[count], b[count];                                                               \
        UNROLLED(int i = 0; i < count; i++) memcpy(&a[i], lines + i * from_line, 16);                   \
        UNROLLED(int step = count; step > 1; step /= 2) {                                               \
            UNROLLED(int i = 0; i < count / 2; i++) {                                                   \
                b[2 * i] = LOW_##bytes(a[i], a[i + count / 2]);                                         \
                b[2 * i + 1] = HIGH_##bytes(a[i], a[i + count / 2]);                                    \
            }                                                                                           \
            UNROLLED(int i = 0; i < count; i++) a[i] = b[i];                                            \
        }                                                                                               \
        UNROLLED(int i = 0; i < count; i++) memcpy(to + i * to_row, &a[i], 16);                         \
    }

/* A last piece begins as much earlier as makes it whole squares of `side`, where there is something before it. */
ALWAYS_INLINE void whole_squares(int side, int64_t *begin, int *count) {
    const int more = (side - *count % side) % side;
    if (*begin >= more)
        *begin -= more, *count += more;
}

#define CROWDED_BYTES 2048

/*
 * A tile is one cache line of each of its source lines. They are gathered on the stack first where lines that are a
 * multiple of CROWDED_BYTES apart compete for the same few places of the cache.
 */
#define TILE(bytes)                                                                                                    \
    static void tile_##bytes(char *to, const char *from, const struct strided_plane *p, int64_t row, int64_t column) { \
        enum { side = LINE_BYTES / bytes, count = 16 / bytes };                                                        \
        int rows = p->rows - row < side ? (int)(p->rows - row) : side;                                                 \
        int columns = p->columns - column < side ? (int)(p->columns - column) : side;                                  \
        char lines[side * LINE_BYTES];                                                                                 \
        whole_squares(count, &row, &rows), whole_squares(count, &column, &columns);                                    \
        to += row * p->to_row + column * bytes;                                                                        \
        from += row * bytes + column * p->from_column;                                                                 \
        const char *source = from;                                                                                     \
        int64_t step = p->from_column;                                                                                 \
        if (step % CROWDED_BYTES == 0) {                                                                               \
            for (int i = 0; i < columns; i++)                                                                          \
                if (rows == side)                                                                                      \
                    memcpy(lines + i * LINE_BYTES, from + i * step, LINE_BYTES);                                       \
                else                                                                                                   \
                    memcpy(lines + i * LINE_BYTES, from + i * step, (size_t)rows * bytes);                             \
            source = lines, step = LINE_BYTES;                                                                         \
        }                                                                                                              \
        for (int r = 0; r < rows; r += count)                                                                          \
            for (int c = 0; c < columns; c += count) {                                                                 \
                char *corner = to + r * p->to_row + c * bytes;                                                         \
                const char *line = source + c * step + r * bytes;                                                      \
                if (r + count <= rows && c + count <= columns) {                                                       \
                    square_##bytes(corner, p->to_row, line, step);                                                     \
                    continue;                                                                                          \
                }                                                                                                      \
                for (int i = 0; i < count && r + i < rows; i++)                                                        \
                    for (int j = 0; j < count && c + j < columns; j++)                                                 \
                        memcpy(corner + i * p->to_row + j * bytes, line + j * step + i * bytes, bytes);                \
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

/* Pictures of three colours; the last few elements of a line one by one. */
#define COLOURS(NAME, STEP, MOVE)                                                 \
    void NAME(char *to, const char *from, const struct strided_plane *p) {        \
        struct strided_plane rest = *p;                                           \
        int64_t done = 0;                                                         \
        for (; done + 4 <= rest.STEP##s; done += 4)                               \
            MOVE(to + done * p->to_##STEP, from + done * p->from_##STEP, p);      \
        rest.STEP##s -= done;                                                     \
        scatter_4(to + done * p->to_##STEP, from + done * p->from_##STEP, &rest); \
    }

ALWAYS_INLINE void part_4(char *to, const char *from, const struct strided_plane *p) {
    lanes_4 a[3], b[3];
    memcpy(a, from, sizeof a);
    b[0] = __builtin_shufflevector(__builtin_shufflevector(a[0], a[1], 0, 3, 6, 6), a[2], 0, 1, 2, 5);
    b[1] = __builtin_shufflevector(__builtin_shufflevector(a[0], a[1], 1, 4, 7, 7), a[2], 0, 1, 2, 6);
    b[2] = __builtin_shufflevector(__builtin_shufflevector(a[0], a[1], 2, 5, 5, 5), a[2], 0, 1, 4, 7);
    UNROLLED(int i = 0; i < 3; i++) memcpy(to + i * p->to_row, &b[i], sizeof b[i]);
}

ALWAYS_INLINE void join_4(char *to, const char *from, const struct strided_plane *p) {
    lanes_4 a[3], b[3];
    UNROLLED(int i = 0; i < 3; i++) memcpy(&a[i], from + i * p->from_column, sizeof a[i]);
    const lanes_4 low = LOW_4(a[0], a[1]), high = HIGH_4(a[0], a[1]); /* x0 y0 x1 y1, x2 y2 x3 y3 */
    b[0] = __builtin_shufflevector(low, a[2], 0, 1, 4, 2);
    b[1] = __builtin_shufflevector(__builtin_shufflevector(low, a[2], 3, 5, 3, 5), high, 0, 1, 4, 5);
    b[2] = __builtin_shufflevector(a[2], high, 2, 6, 7, 3);
    memcpy(to, b, sizeof b);
}

COLOURS(plane_part, column, part_4)
COLOURS(plane_join, row, join_4)

void plane_rows(char *to, const char *from, const struct strided_plane *p) {
    for (int64_t row = 0; row < p->rows; row++)
        memcpy(to + row * p->to_row, from + row * p->from_row, (size_t)p->columns * (size_t)p->to_column);
}
