#include "ops/norm/norm_groups.h"

#include "base/sizes.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

static const void *element(const struct norm_job *job, const void *array, int64_t i) {
    return (const char *)array + i * (int64_t)dtype_size(job->dtype);
}

/* Numbers first..end-1 of a group. */
struct norm_part {
    int64_t group, first, end;
};

static struct norm_part part_of(const struct norm_work *work, int64_t item) {
    const int64_t size = norm_group_size(&work->stats);
    if (work->chunks == 1)
        return (struct norm_part){item, 0, size};
    const int64_t chunk = item % work->chunks;
    return (struct norm_part){item / work->chunks, size * chunk / work->chunks, size * (chunk + 1) / work->chunks};
}

/* Neighbours of a part: numbers `from` .. `from` + count of a position. */
struct norm_step {
    int64_t position, from, count, left;
};

static struct norm_step first_step(const struct norm_view *view, const struct norm_part *part) {
    struct norm_step step = {.left = part->end - part->first};
    if (part->first > 0) {
        step.position = part->first / view->inner;
        step.from = part->first % view->inner;
    }
    step.count = at_most(view->inner - step.from, step.left);
    return step;
}

static void next_step(const struct norm_view *view, struct norm_step *step) {
    step->left -= step->count;
    step->position++;
    step->from = 0;
    step->count = at_most(view->inner, step->left);
}

static struct norm_moments measure_part(const struct norm_work *work, const struct norm_part *part) {
    const struct norm_view *view = &work->stats;
    const int64_t start = norm_offset(&view->kept, NORM_X, part->group);
    struct norm_moments moments = {0};
    if (view->positions == 1)
        return norm_moments_of(work->kernels, work->job->dtype, norm_measure_of(work->job),
                               element(work->job, work->job->x, start + part->first), part->end - part->first);
    for (struct norm_step step = first_step(view, part); step.left > 0; next_step(view, &step)) {
        const int64_t at = start + norm_offset(&view->reduced, NORM_X, step.position) + step.from;
        const struct norm_moments run = norm_moments_of(work->kernels, work->job->dtype, norm_measure_of(work->job),
                                                        element(work->job, work->job->x, at), step.count);
        norm_moments_add(&moments, &run);
    }
    return moments;
}

/* A run of neighbours of a group, whose scale and bias are arrays or single numbers. */
struct norm_run {
    int64_t at[NORM_ARRAYS], count;
    const int64_t *strides;
    double mean, inverse;
};

/* One number for the run; `none` where there is no array. */
#define NUMBER(T, ARRAY, INDEX, NONE) (job->ARRAY ? (double)((const T *)job->ARRAY)[run->at[INDEX]] : (NONE))

static void apply_float(const struct norm_work *work, const struct norm_run *run) {
    const struct norm_job *job = work->job;
    const float *x = (const float *)job->x + run->at[NORM_X], center = (float)run->mean;
    float *y = (float *)job->y + run->at[NORM_X];
    const double lost = center - run->mean; /* by rounding */
    if (run->strides[NORM_SCALE] == 0 && run->strides[NORM_BIAS] == 0) {
        const double factor = run->inverse * NUMBER(float, scale, NORM_SCALE, 1);
        row_kernel_of(work->kernels)
            ->affine(x, y, (size_t)run->count, center, (float)factor,
                     (float)(lost * factor + NUMBER(float, bias, NORM_BIAS, 0)));
        return;
    }
    row_kernel_of(work->kernels)
        ->affine_by(x, y, (size_t)run->count, center, (float)run->inverse, (float)(lost * run->inverse),
                    (const float *)job->scale + run->at[NORM_SCALE],
                    job->bias ? (const float *)job->bias + run->at[NORM_BIAS] : NULL);
}

/* Any strides, any type. */
#define APPLY_ANY(T)                                                                      \
    static void apply_any_##T(const struct norm_work *work, const struct norm_run *run) { \
        const struct norm_job *job = work->job;                                           \
        const T *x = (const T *)job->x + run->at[NORM_X];                                 \
        const T *scale = job->scale ? (const T *)job->scale + run->at[NORM_SCALE] : NULL; \
        const T *bias = job->bias ? (const T *)job->bias + run->at[NORM_BIAS] : NULL;     \
        T *y = (T *)job->y + run->at[NORM_X];                                             \
        for (int64_t i = 0; i < run->count; i++) {                                        \
            const double s = scale ? (double)scale[i * run->strides[NORM_SCALE]] : 1;     \
            const double b = bias ? (double)bias[i * run->strides[NORM_BIAS]] : 0;        \
            y[i] = (T)(((double)x[i] - run->mean) * run->inverse * s + b);                \
        }                                                                                 \
    }
APPLY_ANY(float)
APPLY_ANY(double)

/* What the loops of kernels can do: one number of each array, or neighbours. */
static bool is_simple(const struct norm_job *job, const int64_t *strides) {
    const int64_t scale = strides[NORM_SCALE], bias = strides[NORM_BIAS];
    return (scale == 0 && bias == 0) || (scale == 1 && (bias == 1 || !job->bias));
}

static void apply_run(const struct norm_work *work, const struct norm_run *run) {
    if (work->job->dtype == DTYPE_DOUBLE)
        apply_any_double(work, run);
    else
        (is_simple(work->job, run->strides) ? apply_float : apply_any_float)(work, run);
}

static void apply_part(const struct norm_work *work, const struct norm_part *part, double mean, double inverse) {
    const struct norm_view *view = &work->apply;
    struct norm_run run = {.strides = view->inner_strides, .mean = mean, .inverse = inverse};
    for (struct norm_step step = first_step(view, part); step.left > 0; next_step(view, &step)) {
        run.count = step.count;
        for (int a = 0; a < NORM_ARRAYS; a++)
            run.at[a] = norm_offset(&view->kept, a, part->group) + norm_offset(&view->reduced, a, step.position) +
                        step.from * view->inner_strides[a];
        apply_run(work, &run);
    }
}

static void finish_part(const struct norm_work *work, const struct norm_part *part,
                        const struct norm_moments *moments) {
    const double inverse = norm_inverse_of(work->job, moments);
    if (work->job->found && part->first == 0)
        work->job->found(work->job, part->group, moments, inverse);
    if (work->job->y)
        apply_part(work, part, moments->mean, inverse);
}

/* Short groups are measured some at a time before they are written: each alone would wait for its own division. */
#define TOGETHER 8

bool norm_is_rows(const struct norm_work *work) {
    const struct norm_view *view = &work->apply;
    const struct norm_job *job = work->job;
    bool same = view->positions == 1 && work->stats.positions == 1 && view->inner_strides[NORM_SCALE] == 1 &&
                is_simple(job, view->inner_strides);
    for (int d = 0; d < view->kept.rank; d++)
        same = same && view->kept.strides[d][NORM_SCALE] == 0 && view->kept.strides[d][NORM_BIAS] == 0;
    return same && !view->columns && job->y && job->dtype == DTYPE_FLOAT && view->inner <= NORM_SHORT &&
           norm_measure_of(job) != MEASURE_ABSOLUTE;
}

void norm_whole_rows(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    const struct norm_job *job = work->job;
    const struct row_kernel *rows = row_kernel_of(work->kernels);
    const int64_t size = work->stats.inner;
    struct row_spread spreads[TOGETHER];
    struct row_affine affine[TOGETHER];
    for (int64_t item = first, some; item < end; item += some) {
        const float *x = (const float *)job->x + item * size;
        some = at_most(end - item, TOGETHER);
        rows->spreads(x, (size_t)some, (size_t)size, job->centered, spreads);
        for (int64_t i = 0; i < some; i++) {
            const struct norm_moments moments =
                norm_moments_from(&spreads[i], norm_measure_of(job), x + i * size, size);
            const double inverse = norm_inverse_of(job, &moments);
            const float center = (float)moments.mean;
            affine[i] = (struct row_affine){center, (float)inverse, (float)((center - moments.mean) * inverse)};
            if (job->found)
                job->found(job, item + i, &moments, inverse);
        }
        rows->affine_rows(x, (float *)job->y + item * size, (size_t)some, (size_t)size, affine, job->scale, job->bias);
    }
}

void norm_whole_groups(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    struct norm_part parts[TOGETHER];
    struct norm_moments moments[TOGETHER];
    for (int64_t item = first, some; item < end; item += some) {
        parts[0] = part_of(work, item);
        some = parts[0].end - parts[0].first <= NORM_SHORT ? at_most(end - item, TOGETHER) : 1;
        for (int64_t i = 0; i < some; i++) {
            parts[i] = part_of(work, item + i);
            moments[i] = measure_part(work, &parts[i]);
        }
        for (int64_t i = 0; i < some; i++)
            finish_part(work, &parts[i], &moments[i]);
    }
}

void norm_measure_chunks(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    for (int64_t item = first; item < end; item++) {
        const struct norm_part part = part_of(work, item);
        work->moments[item] = measure_part(work, &part);
    }
}

void norm_finish_chunks(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    for (int64_t item = first; item < end; item++) {
        const struct norm_part part = part_of(work, item);
        struct norm_moments moments = {0};
        for (int64_t chunk = 0; chunk < work->chunks; chunk++)
            norm_moments_add(&moments, &work->moments[part.group * work->chunks + chunk]);
        finish_part(work, &part, &moments);
    }
}

void norm_chunked_groups(void *context, int64_t first, int64_t end) {
    const struct norm_work *work = context;
    for (int64_t group = first; group < end; group++) {
        norm_measure_chunks(context, group * work->chunks, (group + 1) * work->chunks);
        norm_finish_chunks(context, group * work->chunks, (group + 1) * work->chunks);
    }
}
