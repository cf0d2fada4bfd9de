#include "ops/pool/pool_loops.h"

#include "base/simd.h"
#include "ops/kernels/families.h"

#include <math.h>
#include <string.h>

#define SAME(x) (x)

/* The larger of a and b, or the one that is not a number. */
#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))

/* Of elements of type T: LEAST is its least number, ROOT its square root. */
#define LOOPS(NAME, T, LEAST, ROOT)                                                                                 \
    static void fill_##NAME(enum pool_kind kind, int64_t count, void *line) {                                       \
        T *to = line;                                                                                               \
        for (int64_t i = 0; i < count; i++)                                                                         \
            to[i] = kind == POOL_MAX ? (T)(LEAST) : (T)0;                                                           \
    }                                                                                                               \
    static void raise_##NAME(double power, const void *x, int64_t count, void *y) {                                 \
        const T *from = x;                                                                                          \
        T *to = y;                                                                                                  \
        for (int64_t i = 0; i < count; i++)                                                                         \
            to[i] = (T)pow(fabs((double)from[i]), power);                                                           \
    }                                                                                                               \
    static void root_##NAME(double power, int64_t count, void *y) {                                                 \
        T *to = y;                                                                                                  \
        if (power == 2) {                                                                                           \
            SIMD for (int64_t i = 0; i < count; i++) to[i] = (T)ROOT(to[i]);                                        \
            return;                                                                                                 \
        }                                                                                                           \
        for (int64_t i = 0; power != 1 && i < count; i++)                                                           \
            to[i] = (T)pow((double)to[i], 1 / power);                                                               \
    }                                                                                                               \
    static void set_##NAME(void *divisors, void *inverses, int64_t i, int64_t count) {                              \
        ((T *)divisors)[i] = (T)(count ? count : 1);                                                                \
        ((T *)inverses)[i] = (T)((T)1 / ((T *)divisors)[i]);                                                        \
    }                                                                                                               \
    static void whole_of_##NAME(const struct pool_kernel *kernel, enum pool_kind kind, double power, const void *x, \
                                int64_t count, int64_t inner, void *total) {                                        \
        const T *from = x;                                                                                          \
        double *sum = total;                                                                                        \
        if (kind != POOL_POWERS) {                                                                                  \
            kernel->whole(kind, x, count, inner, total);                                                            \
            return;                                                                                                 \
        }                                                                                                           \
        memset(sum, 0, (size_t)inner * sizeof *sum);                                                                \
        for (int64_t i = 0; i < count * inner; i++)                                                                 \
            sum[i % inner] += pow(fabs((double)from[i]), power);                                                    \
    }                                                                                                               \
    static void join_##NAME(enum pool_kind kind, int64_t inner, const void *more, void *total) {                    \
        const T *largest = more;                                                                                    \
        const double *sum = more;                                                                                   \
        for (int64_t i = 0; i < inner; i++) {                                                                       \
            if (kind == POOL_MAX)                                                                                   \
                ((T *)total)[i] = LARGER(((T *)total)[i], largest[i]);                                              \
            else                                                                                                    \
                ((double *)total)[i] += sum[i];                                                                     \
        }                                                                                                           \
    }                                                                                                               \
    static void finish_##NAME(enum pool_kind kind, double divisor, double power, int64_t inner, const void *total,  \
                              void *y) {                                                                            \
        const double *sum = total;                                                                                  \
        T *to = y;                                                                                                  \
        if (kind == POOL_MAX) {                                                                                     \
            memcpy(y, total, (size_t)inner * sizeof(T));                                                            \
            return;                                                                                                 \
        }                                                                                                           \
        for (int64_t i = 0; i < inner; i++)                                                                         \
            to[i] = (T)(power == 1 ? sum[i] / divisor : power == 2 ? sqrt(sum[i]) : pow(sum[i], 1 / power));        \
    }                                                                                                               \
    static const struct pool_loops loops_##NAME = {fill_##NAME,     raise_##NAME, root_##NAME,  set_##NAME,         \
                                                   whole_of_##NAME, join_##NAME,  finish_##NAME};
LOOPS(float, float, -INFINITY, sqrtf)
LOOPS(double, double, -INFINITY, sqrt)
LOOPS(int8, int8_t, INT8_MIN, SAME)
LOOPS(uint8, uint8_t, 0, SAME)

#define MAPPED(kind, x) ((kind) == POOL_ABSOLUTES ? ((x) < 0 ? -(x) : (x)) : (kind) == POOL_SQUARES ? (x) * (x) : (x))
#define JOINED(kind, a, b) ((kind) == POOL_MAX ? LARGER(a, b) : (a) + (b))

/* The kernel, for types other than float. */
#define KERNEL(NAME, T)                                                                                       \
    static void stack_##NAME(enum pool_kind kind, const struct pool_stack *stack) {                           \
        T *to = stack->y;                                                                                     \
        for (int64_t r = 0; r < stack->row_count; r++) {                                                      \
            const T *from = stack->rows[r];                                                                   \
            if (r == 0 && (kind == POOL_MAX || kind == POOL_SUM)) {                                           \
                memcpy(to, from, (size_t)stack->count * sizeof(T));                                           \
                continue;                                                                                     \
            }                                                                                                 \
            if (kind == POOL_MAX) {                                                                           \
                SIMD for (int64_t i = 0; i < stack->count; i++) to[i] = LARGER(to[i], from[i]);               \
                continue;                                                                                     \
            }                                                                                                 \
            for (int64_t i = 0; i < stack->count; i++) {                                                      \
                const T v = (T)MAPPED(kind, from[i]);                                                         \
                to[i] = r == 0 ? v : (T)JOINED(kind, to[i], v);                                               \
            }                                                                                                 \
        }                                                                                                     \
    }                                                                                                         \
    static void across_##NAME(enum pool_kind kind, const struct pool_line *line) {                            \
        const int64_t inner = line->inner;                                                                    \
        const T *divisors = line->divisors;                                                                   \
        for (int64_t o = 0; o < line->out; o++) {                                                             \
            const T *from = (const T *)line->x + o * line->stride * inner;                                    \
            T *to = (T *)line->y + o * inner;                                                                 \
            memcpy(to, from, (size_t)inner * sizeof(T));                                                      \
            for (int64_t k = 1; k < line->taps; k++) {                                                        \
                const T *tap = from + k * line->dilation * inner;                                             \
                if (kind == POOL_MAX) {                                                                       \
                    SIMD for (int64_t i = 0; i < inner; i++) to[i] = LARGER(to[i], tap[i]);                   \
                } else {                                                                                      \
                    SIMD for (int64_t i = 0; i < inner; i++) to[i] = (T)(to[i] + tap[i]);                     \
                }                                                                                             \
            }                                                                                                 \
            for (int64_t i = 0; divisors && i < inner; i++)                                                   \
                to[i] = (T)(to[i] / ((T)line->rows * divisors[o]));                                           \
        }                                                                                                     \
    }                                                                                                         \
    static void whole_##NAME(enum pool_kind kind, const void *x, int64_t count, int64_t inner, void *total) { \
        const T *from = x;                                                                                    \
        T *most = total;                                                                                      \
        double *sum = total;                                                                                  \
        for (int64_t k = 0; k < inner; k++) {                                                                 \
            T largest = from[k];                                                                              \
            double all = 0;                                                                                   \
            for (int64_t i = k; i < count * inner; i += inner) {                                              \
                largest = LARGER(largest, from[i]);                                                           \
                all += (double)MAPPED(kind, from[i]);                                                         \
            }                                                                                                 \
            if (kind == POOL_MAX)                                                                             \
                most[k] = largest;                                                                            \
            else                                                                                              \
                sum[k] = all;                                                                                 \
        }                                                                                                     \
    }                                                                                                         \
    static const struct pool_kernel kernel_##NAME = {stack_##NAME, across_##NAME, NULL, whole_##NAME};
KERNEL(double, double)
KERNEL(int8, int8_t)
KERNEL(uint8, uint8_t)

const struct pool_loops *pool_loops_of(enum dtype dtype) {
    return dtype == DTYPE_FLOAT    ? &loops_float
           : dtype == DTYPE_DOUBLE ? &loops_double
           : dtype == DTYPE_INT8   ? &loops_int8
                                   : &loops_uint8;
}

const struct pool_kernel *pool_kernel_for(enum dtype dtype, const struct kernels *kernels) {
    return dtype == DTYPE_FLOAT    ? pool_kernel_of(kernels)
           : dtype == DTYPE_DOUBLE ? &kernel_double
           : dtype == DTYPE_INT8   ? &kernel_int8
                                   : &kernel_uint8;
}
