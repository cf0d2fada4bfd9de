#include "ops/signal/fft.h"

#include "base/checked.h"
#include "base/thread_team.h"
#include "ops/kernels/families.h"

#include <math.h>
#include <string.h>

#define LANES 16
#define LANE_ELEMENTS 8192 /* of all lanes together, so that they stay in a cache */

static int lanes_of(const struct fft_plan *plan, int64_t lines) {
    int64_t lanes = LANE_ELEMENTS / plan->inner;
    lanes = lanes < 1 ? 1 : lanes > LANES ? LANES : lanes;
    return (int)(lanes < lines ? lanes : lines);
}

/* re, im and their counterparts. */
static bool array_bytes(const struct fft_plan *plan, int64_t lines, size_t *bytes) {
    return size_mul((size_t)plan->inner * dtype_size(plan->dtype), (size_t)lanes_of(plan, lines), bytes) &&
           *bytes <= SIZE_MAX / 8;
}

bool fft_own_bytes(const struct fft_plan *plan, int64_t lines, size_t *bytes) {
    size_t array;
    if (lines < 1 || !array_bytes(plan, lines, &array))
        return lines < 1 && (*bytes = 0) == 0;
    *bytes = 4 * array;
    return true;
}

static const struct fft_loops *loops_of(const struct fft_plan *plan, const struct kernels *kernels) {
    return plan->dtype == DTYPE_FLOAT ? &fft_kernel_of(kernels)->of_float : &fft_kernel_of(kernels)->of_double;
}

/* Two complex arrays: one is read, the other written. */
struct fft_arrays {
    char *re, *im, *other_re, *other_im;
};

/* From a->re and a->im to there; the others are scratch. */
static void transform(const struct fft_plan *plan, const struct fft_loops *loops, int lanes, struct fft_arrays *a) {
    struct fft_pass pass = {
        .length = plan->inner, .stride = lanes, .step = 1, .roots = plan->roots, .whole = plan->inner};
    for (int i = 0; i < plan->passes; i++) {
        pass.radix = plan->radices[i];
        pass.from_re = a->re;
        pass.from_im = a->im;
        pass.to_re = a->other_re;
        pass.to_im = a->other_im;
        loops->pass(&pass);
        *a = (struct fft_arrays){a->other_re, a->other_im, a->re, a->im};
        pass.length /= pass.radix;
        pass.stride *= pass.radix;
        pass.step *= pass.radix;
    }
}

/* The inverse transform is the transform with re and im in each other's place. */
static void exchange(struct fft_arrays *a) {
    *a = (struct fft_arrays){a->im, a->re, a->other_im, a->other_re};
}

/* As a convolution with the chirp. */
static void transform_bluestein(const struct fft_plan *plan, const struct fft_loops *loops, int lanes,
                                struct fft_arrays *a) {
    loops->multiply(plan->chirp, plan->length, lanes, a->re, a->im, a->re, a->im);
    loops->clear(a->re, a->im, plan->length, plan->inner, lanes);
    transform(plan, loops, lanes, a);
    loops->multiply(plan->filter, plan->inner, lanes, a->re, a->im, a->re, a->im);
    exchange(a);
    transform(plan, loops, lanes, a);
    exchange(a);
    loops->multiply(plan->chirp, plan->length, lanes, a->re, a->im, a->re, a->im);
}

/* Element length - k is the conjugate of element k; what is its own counterpart is real. */
static void mirror(const struct fft_plan *plan, int lanes, const struct fft_arrays *a) {
    const size_t bytes = (size_t)lanes * dtype_size(plan->dtype);
    const struct { char *re, *im; } at = {a->re, a->im};
    for (int64_t k = plan->length / 2 + 1; k < plan->length; k++) {
        const size_t from = (size_t)(plan->length - k) * bytes, to = (size_t)k * bytes;
        memcpy(at.re + to, at.re + from, bytes);
        for (int l = 0; l < lanes; l++)
            if (plan->dtype == DTYPE_FLOAT)
                ((float *)(void *)(at.im + to))[l] = -((const float *)(const void *)(at.im + from))[l];
            else
                ((double *)(void *)(at.im + to))[l] = -((const double *)(const void *)(at.im + from))[l];
    }
    memset(at.im, 0, bytes);
    if (plan->length % 2 == 0)
        memset(at.im + (size_t)(plan->length / 2) * bytes, 0, bytes);
}

static struct fft_lines lines_at(const struct fft_layout *layout, int64_t first, int lanes, int64_t bases[LANES]) {
    for (int l = 0; l < lanes; l++)
        bases[l] = (first + l) / layout->per_group * layout->group + (first + l) % layout->per_group * layout->line;
    return (struct fft_lines){bases, layout->stride, layout->count, lanes, layout->parts};
}

static void run_batch(const struct fft_job *job, const struct fft_loops *loops, int64_t first, int lanes,
                      char *memory) {
    const struct fft_plan *plan = job->plan;
    const size_t bytes = (size_t)(plan->inner * lanes) * dtype_size(plan->dtype);
    struct fft_arrays a = {memory, memory + bytes, memory + 2 * bytes, memory + 3 * bytes};
    int64_t bases[LANES];
    const struct fft_lines in = lines_at(&job->in, first, lanes, bases);
    loops->load(job->from, &in, job->window, a.re, a.im);
    loops->clear(a.re, a.im, in.count, job->mirrored ? plan->length / 2 + 1 : plan->length, lanes);
    if (job->mirrored)
        mirror(plan, lanes, &a);
    if (job->inverse)
        exchange(&a);
    if (plan->chirp)
        transform_bluestein(plan, loops, lanes, &a);
    else
        transform(plan, loops, lanes, &a);
    if (job->inverse)
        exchange(&a);
    const struct fft_lines out = lines_at(&job->out, first, lanes, bases);
    loops->store(job->to, &out, job->inverse ? 1 / (double)plan->length : 1, a.re, a.im);
}

struct fft_team {
    const struct fft_job *job;
    const struct op_call *call;
    int lanes;
};

static void run_thread(struct team_thread self, void *context) {
    const struct fft_team *team = context;
    const struct fft_job *job = team->job;
    const struct team_range batches = team_range_of(self, (job->lines + team->lanes - 1) / team->lanes);
    char *memory = team->call->own + (size_t)self.index * team->call->own_stride;
    for (int64_t i = batches.first; i < batches.end; i++) {
        const int64_t first = i * team->lanes, left = job->lines - first;
        run_batch(job, loops_of(job->plan, team->call->kernels), first, (int)(left < team->lanes ? left : team->lanes),
                  memory);
    }
}

void fft_run(const struct fft_job *job, const struct op_call *call) {
    if (job->lines < 1)
        return;
    struct fft_team team = {job, call, lanes_of(job->plan, job->lines)};
    team_run(job->plan->inner * job->lines < 4096 ? 1 : call->threads, run_thread, &team);
}
