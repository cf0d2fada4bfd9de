/*
 * InstanceNormalization (ONNX 6, 22) on channel blocks, with the activation and the addition behind it. A plane (a
 * channel block of a batch row) is cut into chunks of rows, whose moments are added in pairs, and pairs of pairs: bits
 * do not depend on who takes which.
 */
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/blocked/blocked.h"
#include "ops/blocked/blocked_run.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <math.h>

#define LANES CHANNEL_BLOCK
#define AHEAD 128        /* pixels that are asked for before their turn: rows may come from another processor's cache */
#define NEAR_PIXELS 4096 /* of a plane that stay in a small cache between the two passes, beside another one's */
#define LEAST_CHUNK 4096 /* pixels: what threads write in turn must not be short, or processors ask too far ahead */
#define MOST_CHUNKS 32

struct params {
    float epsilon;
    struct activation activation;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct params *params = result;
    (void)call;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    return activation_parse(attributes, &params->activation, err);
}

static status infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *added = op_input(call, 3);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 5 || x->dims[4] != LANES)
        return fail(err, STATUS_SHAPE, "input 0 is %s, expected channel blocks", shape_text(x, a));
    for (int i = 1; i < 3; i++) {
        const struct shape *list = &call->inputs[i]->shape;
        if (list->rank != 1 || channel_blocks(list->dims[0]) != x->dims[1])
            return fail(err, STATUS_SHAPE, "input %d is %s, it does not fit input 0 %s in blocks of %d channels", i,
                        shape_text(list, a), shape_text(x, b), LANES);
    }
    if (added && !shape_equal(&added->shape, x))
        return fail(err, STATUS_SHAPE, "input 3 is %s, expected %s as input 0", shape_text(&added->shape, a),
                    shape_text(x, b));
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, x, err);
}

/* Of some pixels; squares: the sum of those of the distances from the mean. */
struct moments {
    double mean[LANES], squares[LANES];
};

/* The moments of `first` pixels become those of `second` more, too (Chan, Golub and LeVeque 1979): no digits cancel. */
static void add_moments(struct moments *to, int64_t first, const struct moments *more, int64_t second) {
    const double share = (double)second / (double)(first + second), both = (double)first * share;
    for (int lane = 0; lane < LANES; lane++) {
        const double distance = more->mean[lane] - to->mean[lane];
        to->mean[lane] += distance * share;
        to->squares[lane] += more->squares[lane] + distance * distance * both;
    }
}

/* Of `count` pixels; what the kernel prefetches meanwhile: as many at `ahead` and `beside`, which may be NULL. */
static void take_moments(const struct block_kernel *kernel, const float *x, int64_t count, const float *ahead,
                         const float *beside, struct moments *moments) {
    double sum[LANES];
    kernel->moments(x, count, ahead, beside, sum, moments->squares);
    for (int lane = 0; lane < LANES; lane++) {
        const double distance = sum[lane] / (double)count;
        moments->mean[lane] = x[lane] + distance;
        moments->squares[lane] -= sum[lane] * distance;
    }
}

/* Planes are cut into so many chunks, a power of two. */
struct cut {
    int64_t planes, blocks, height, width, chunks;
};

static struct cut split_of(const struct shape *shape) {
    struct cut cut = {.planes = shape->dims[0] * shape->dims[1],
                      .blocks = shape->dims[1],
                      .height = shape->dims[2],
                      .width = shape->dims[3],
                      .chunks = 1};
    while (cut.chunks < MOST_CHUNKS && cut.chunks * 2 <= cut.height &&
           cut.chunks * 2 * LEAST_CHUNK <= cut.height * cut.width)
        cut.chunks *= 2;
    return cut;
}

static int64_t pixels_of(const struct cut *cut) {
    return cut->height * cut->width;
}

/* First pixel of a chunk. */
static int64_t chunk_at(const struct cut *cut, int64_t chunk) {
    return cut->height * chunk / cut->chunks * cut->width;
}

static int64_t pixels_in(const struct cut *cut, int64_t chunk, int64_t chunk_end) {
    return chunk_at(cut, chunk_end) - chunk_at(cut, chunk);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct cut cut = split_of(&call->inputs[0]->shape);
    (void)err;
    *workspace_bytes = (size_t)(cut.planes * cut.chunks) * sizeof(struct moments); /* [plane][chunk] */
    return STATUS_OK;
}

/* Chunks chunk..chunk_end of planes plane..plane_end are one thread's; of `threads` others have the rest of the same
   planes, 1: none. */
struct share {
    int64_t plane, plane_end, chunk, chunk_end;
    int threads;
};

/*
 * Whole planes where every thread gets some batch rows, or where planes are small. Else rows of all planes: those that
 * the thread has made in the convolution before, and will read in the next one.
 */
static struct share share_of(const struct cut *cut, int thread, int threads) {
    if (cut->chunks == 1 || cut->planes / cut->blocks % threads == 0 ||
        balance(cut->chunks, threads) < balance(cut->planes, threads))
        return (struct share){cut->planes * thread / threads, cut->planes * (thread + 1) / threads, 0, cut->chunks, 1};
    return (struct share){0, cut->planes, cut->chunks * thread / threads, cut->chunks * (thread + 1) / threads,
                          threads};
}

/* Whose share a chunk is where so many threads share planes out. */
static int64_t owner_of(const struct cut *cut, int threads, int64_t chunk) {
    return ((chunk + 1) * threads - 1) / cut->chunks;
}

/* Adds up, in the tree over chunks low..high, what the share has: a sum takes the place of its first chunk. */
static void add_own(const struct cut *cut, const struct share *share, int64_t low, int64_t high,
                    struct moments *moments) {
    const int64_t middle = (low + high) / 2;
    if (high - low == 1 || high <= share->chunk || low >= share->chunk_end)
        return;
    add_own(cut, share, low, middle, moments);
    add_own(cut, share, middle, high, moments);
    if (share->chunk <= low && high <= share->chunk_end)
        add_moments(&moments[low], pixels_in(cut, low, middle), &moments[middle], pixels_in(cut, middle, high));
}

/* Those of chunks low..high from what each of the threads has added up of its own. */
static struct moments total_of(const struct cut *cut, int threads, int64_t low, int64_t high,
                               const struct moments *moments) {
    const int64_t middle = (low + high) / 2;
    if (owner_of(cut, threads, low) == owner_of(cut, threads, high - 1))
        return moments[low];
    struct moments total = total_of(cut, threads, low, middle, moments);
    const struct moments more = total_of(cut, threads, middle, high, moments);
    add_moments(&total, pixels_in(cut, low, middle), &more, pixels_in(cut, middle, high));
    return total;
}

/* A lane beyond the channels becomes 0. */
static void close_affine(const struct op_call *call, int64_t channel0, int64_t count, const struct moments *moments,
                         struct block_affine *affine) {
    const struct params *params = call->params;
    const float *scale = call->inputs[1]->data, *bias = call->inputs[2]->data;
    const int64_t channels = call->inputs[1]->shape.dims[0];
    for (int64_t lane = 0; lane < LANES; lane++) {
        const double mean = moments->mean[lane], variance = moments->squares[lane] / (double)count;
        const bool real = channel0 + lane < channels;
        const double factor =
            real ? scale[channel0 + lane] / sqrt((variance > 0 ? variance : variance * 0) + params->epsilon) : 0;
        affine->center[lane] = (float)mean;
        affine->factor[lane] = (float)factor;
        /* What rounding takes from the centre goes to the offset. */
        affine->offset[lane] = (float)((real ? bias[channel0 + lane] : 0) + (affine->center[lane] - mean) * factor);
    }
}

/* Where a plane of an input or output begins; NULL where there is no such tensor. */
static float *plane_of(const struct tensor *tensor, const struct cut *cut, int64_t plane) {
    return tensor ? (float *)tensor->data + plane * pixels_of(cut) * LANES : NULL;
}

/* A chunk; `next` is read behind it, and `beside` in the second pass. */
static void take_chunk(const struct block_kernel *kernel, const float *x, int64_t count, const float *next,
                       const float *beside, struct moments *moments) {
    const int64_t first = count - AHEAD;
    struct moments rest;
    if (first <= 0) {
        take_moments(kernel, x, count, next, beside, moments);
        return;
    }
    take_moments(kernel, x, first, x + AHEAD * LANES, beside, moments);
    take_moments(kernel, x + first * LANES, AHEAD, next, beside ? beside + first * LANES : NULL, &rest);
    add_moments(moments, first, &rest, AHEAD);
}

/* The first pass over a plane. What is added to a small one is asked for meanwhile. */
static void take_plane(const struct op_call *call, const struct cut *cut, const struct share *share, int64_t plane) {
    const float *x = plane_of(call->inputs[0], cut, plane), *added = plane_of(op_input(call, 3), cut, plane);
    struct moments *moments = (struct moments *)call->workspace + plane * cut->chunks;
    for (int64_t chunk = share->chunk; chunk < share->chunk_end; chunk++) {
        const int64_t at = chunk_at(cut, chunk) * LANES;
        const float *next = x + chunk_at(cut, chunk + 1) * LANES;
        if (chunk + 1 == share->chunk_end) /* what lies behind may be another thread's */
            next = plane + 1 < share->plane_end ? x + (pixels_of(cut) + chunk_at(cut, share->chunk)) * LANES : NULL;
        take_chunk(call->kernels->block, x + at, pixels_in(cut, chunk, chunk + 1), next,
                   added && pixels_of(cut) <= NEAR_PIXELS ? added + at : NULL, &moments[chunk]);
    }
    add_own(cut, share, 0, cut->chunks, moments);
}

/* The second one. */
static void normalize(const struct op_call *call, const struct cut *cut, const struct share *share, int64_t plane) {
    const struct params *params = call->params;
    const struct moments *moments = (const struct moments *)call->workspace + plane * cut->chunks;
    const struct moments total = total_of(cut, share->threads, 0, cut->chunks, moments);
    const int64_t first = chunk_at(cut, share->chunk), count = chunk_at(cut, share->chunk_end) - first;
    const float *added = plane_of(op_input(call, 3), cut, plane);
    float *y = plane_of(call->outputs[0], cut, plane) + first * LANES;
    struct block_affine affine;
    enum block_finish kind;
    close_affine(call, plane % cut->blocks * LANES, pixels_of(cut), &total, &affine);
    const bool known = blocked_finish_kind(&params->activation, &kind);
    call->kernels->block->scale(kind, params->activation.alpha, params->activation.beta, &affine,
                                plane_of(call->inputs[0], cut, plane) + first * LANES,
                                added ? added + first * LANES : NULL, y, count);
    if (!known)
        activation_run(call->kernels, &params->activation, y, (size_t)(count * LANES));
}

static void run_share(struct team_thread self, void *context) {
    const struct op_call *call = context;
    const struct cut cut = split_of(&call->inputs[0]->shape);
    const struct share share = share_of(&cut, self.index, self.count);
    for (int64_t plane = share.plane; plane < share.plane_end; plane++) {
        take_plane(call, &cut, &share, plane);
        if (share.threads > 1)
            team_barrier(self);
        normalize(call, &cut, &share, plane);
    }
}

static status run(struct op_call *call, struct error *err) {
    (void)err;
    if (call->outputs[0]->bytes > 0)
        team_run(call->threads, run_share, call);
    return STATUS_OK;
}

static const struct op_arg inputs[] = {{"input", TYPES_FLOAT, ARG_T},
                                       {"scale", TYPES_FLOAT, ARG_T},
                                       {"B", TYPES_FLOAT, ARG_T},
                                       {"added", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};

static const struct op_facts facts = {.fuses = FUSES_ACTIVATION | FUSES_ADDITION, .shown = "InstanceNormalization"};

const struct op ops_blocked_norm[] = {{.name = "BlockedInstanceNormalization",
                                       .domain = INTERNAL_DOMAIN,
                                       .since = 1,
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .storage = STORAGE_IN_PLACE,
                                       .params_size = sizeof(struct params),
                                       .parse = parse,
                                       .infer = infer,
                                       .prepare = prepare,
                                       .run = run,
                                       .facts = &facts},
                                      {0}};
