#include "ops/norm/norm_columns.h"

#include "base/simd.h"
#include "base/sizes.h"

#define COLUMNS 64 /* groups that are walked side by side */

/* Some columns: the numbers of as many groups, one beside the other, at `positions` places. */
struct norm_columns {
    int64_t group, column, count;
    double shift[COLUMNS], sum[COLUMNS], squares[COLUMNS], inverse[COLUMNS];
};

/* Sums of distances from the first number, then the mean and the squares of the distances from it. */
#define COLUMN_LOOPS(T)                                                                                           \
    static const T *column_row_##T(const struct norm_work *work, const struct norm_columns *columns, int64_t i) { \
        const struct norm_view *view = &work->stats;                                                              \
        return (const T *)work->job->x + norm_offset(&view->kept, NORM_X, columns->group) + columns->column +     \
               norm_offset(&view->reduced, NORM_X, i);                                                            \
    }                                                                                                             \
    static void measure_columns_##T(const struct norm_work *work, struct norm_columns *columns) {                 \
        const enum norm_measure measure = norm_measure_of(work->job);                                             \
        const T *start = column_row_##T(work, columns, 0);                                                        \
        for (int64_t j = 0; j < columns->count; j++) {                                                            \
            columns->shift[j] = measure == MEASURE_SPREAD ? (double)start[j] : 0;                                 \
            columns->sum[j] = columns->squares[j] = 0;                                                            \
        }                                                                                                         \
        for (int64_t i = 0; i < work->stats.positions; i++) {                                                     \
            const T *x = column_row_##T(work, columns, i);                                                        \
            SIMD for (int64_t j = 0; j < columns->count; j++) {                                                   \
                const double d = (double)x[j] - columns->shift[j];                                                \
                columns->sum[j] += d;                                                                             \
                columns->squares[j] += measure == MEASURE_ABSOLUTE ? fabs(d) : d * d;                             \
            }                                                                                                     \
        }                                                                                                         \
    }                                                                                                             \
    static void apply_columns_##T(const struct norm_work *work, const struct norm_columns *columns) {             \
        const struct norm_job *job = work->job;                                                                   \
        const struct norm_view *view = &work->stats;                                                              \
        double factor[COLUMNS], offset[COLUMNS];                                                                  \
        for (int64_t j = 0; j < columns->count; j++) {                                                            \
            const int64_t at = (columns->column + j) * work->apply.inner_strides[NORM_SCALE];                     \
            const int64_t start = norm_offset(&work->apply.kept, NORM_SCALE, columns->group);                     \
            factor[j] = columns->inverse[j] * (job->scale ? (double)((const T *)job->scale)[start + at] : 1);     \
            offset[j] = job->bias ? (double)((const T *)job->bias)[start + at] : 0;                               \
        }                                                                                                         \
        for (int64_t i = 0; i < view->positions; i++) {                                                           \
            const T *x = column_row_##T(work, columns, i);                                                        \
            T *y = (T *)job->y + (x - (const T *)job->x);                                                         \
            SIMD for (int64_t j = 0; j < columns->count; j++) y[j] =                                              \
                (T)(((double)x[j] - columns->shift[j]) * factor[j] + offset[j]);                                  \
        }                                                                                                         \
    }
COLUMN_LOOPS(float)
COLUMN_LOOPS(double)

/* The sums become what found() is told; shift becomes the mean. */
static void finish_sums(const struct norm_work *work, struct norm_columns *columns) {
    const struct norm_job *job = work->job;
    for (int64_t j = 0; j < columns->count; j++) {
        const double count = (double)work->stats.positions;
        const double distance = job->centered ? columns->sum[j] / count : 0;
        const double squares = columns->squares[j] - columns->sum[j] * distance;
        const struct norm_moments moments = {work->stats.positions, columns->shift[j] + distance,
                                             squares > 0 ? squares : squares * 0};
        columns->shift[j] = moments.mean;
        columns->inverse[j] = norm_inverse_of(job, &moments);
        if (job->found)
            job->found(job, columns->group * work->stats.inner + columns->column + j, &moments, columns->inverse[j]);
    }
}

int64_t norm_column_tiles(const struct norm_work *work) {
    return work->stats.groups * divide_up(work->stats.inner, COLUMNS);
}

void norm_run_columns(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    const int64_t tiles = divide_up(work->stats.inner, COLUMNS);
    const bool is_double = work->job->dtype == DTYPE_DOUBLE;
    for (int64_t item = first; item < end; item++) {
        struct norm_columns columns = {.group = item / tiles, .column = item % tiles * COLUMNS};
        columns.count = at_most(work->stats.inner - columns.column, COLUMNS);
        (is_double ? measure_columns_double : measure_columns_float)(work, &columns);
        finish_sums(work, &columns);
        if (work->job->y)
            (is_double ? apply_columns_double : apply_columns_float)(work, &columns);
    }
}
