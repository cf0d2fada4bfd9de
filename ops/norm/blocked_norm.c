/*
 * InstanceNormalization (ONNX 6, 22) on channel blocks, with a fused addition and activation. A plane (a channel block
 * of a batch row) is divided into chunks of rows, whose moments are added up in a binary tree: bits do not depend on
 * which thread has which chunk.
 */
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/blocked/blocked.h"
#include "ops/blocked/blocked_run.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"

#include <math.h>

#define LANES CHANNEL_BLOCK
#define PREFETCH_PIXELS 128 /* prefetched ahead: rows may come from another processor's cache */
#define NEAR_PIXELS 4096    /* of a plane that stay in L2 between the two passes, with those of another one */
#define LEAST_CHUNK 4096    /* pixels: in shorter ones hardware prefetches too much of what other threads write */
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

/* Of some pixels: the mean, and the sum of the squared differences from it. */
struct moments {
    double mean[LANES], squares[LANES];
};

/* Adds the moments of `second` more pixels to those of `first` (Chan, Golub and LeVeque 1979): no digits cancel. */
static void add_moments(struct moments *to, int64_t first, const struct moments *more, int64_t second) {
    const double fraction = (double)second / (double)(first + second), both = (double)first * fraction;
    for (int lane = 0; lane < LANES; lane++) {
        const double distance = more->mean[lane] - to->mean[lane];
        to->mean[lane] += distance * fraction;
        to->squares[lane] += more->squares[lane] + distance * distance * both;
    }
}

/* Of `count` pixels. As many are prefetched at write_ahead and read_ahead, which may be NULL. */
static void take_moments(const struct pixel_kernel *kernel, const float *x, int64_t count, const float *write_ahead,
                         const float *read_ahead, struct moments *moments) {
    double sum[LANES];
    kernel->moments(x, count, write_ahead, read_ahead, sum, moments->squares);
    for (int lane = 0; lane < LANES; lane++) {
        const double distance = sum[lane] / (double)count;
        moments->mean[lane] = x[lane] + distance;
        moments->squares[lane] -= sum[lane] * distance;
    }
}

/* How planes are divided into `count` chunks, a power of two. */
struct plane_chunks {
    int64_t planes, blocks, height, width, count;
};

static struct plane_chunks chunks_of(const struct shape *shape) {
    struct plane_chunks chunks = {.planes = shape->dims[0] * shape->dims[1],
                                  .blocks = shape->dims[1],
                                  .height = shape->dims[2],
                                  .width = shape->dims[3],
                                  .count = 1};
    while (chunks.count < MOST_CHUNKS && chunks.count * 2 <= chunks.height &&
           chunks.count * 2 * LEAST_CHUNK <= chunks.height * chunks.width)
        chunks.count *= 2;
    return chunks;
}

static int64_t pixels_of(const struct plane_chunks *chunks) {
    return chunks->height * chunks->width;
}

/* First pixel of a chunk. */
static int64_t chunk_at(const struct plane_chunks *chunks, int64_t chunk) {
    return chunks->height * chunk / chunks->count * chunks->width;
}

static int64_t pixels_in(const struct plane_chunks *chunks, int64_t chunk, int64_t chunk_end) {
    return chunk_at(chunks, chunk_end) - chunk_at(chunks, chunk);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct plane_chunks chunks = chunks_of(&call->inputs[0]->shape);
    (void)err;
    *workspace_bytes = (size_t)(chunks.planes * chunks.count) * sizeof(struct moments); /* [plane][chunk] */
    return STATUS_OK;
}

/* What a thread computes: chunks chunk..chunk_end of planes plane..plane_end. threads: that share these planes. */
struct thread_part {
    int64_t plane, plane_end, chunk, chunk_end;
    int threads;
};

/*
 * Whole planes where threads get whole batch rows, or where planes are small. Else some chunks of all planes: rows that
 * the thread has written in the convolution before, and reads in the next one.
 */
static struct thread_part part_of(const struct plane_chunks *chunks, int thread, int threads) {
    if (chunks->count == 1 || chunks->planes / chunks->blocks % threads == 0 ||
        balance(chunks->count, threads) < balance(chunks->planes, threads))
        return (struct thread_part){chunks->planes * thread / threads, chunks->planes * (thread + 1) / threads, 0,
                                    chunks->count, 1};
    return (struct thread_part){0, chunks->planes, chunks->count * thread / threads,
                                chunks->count * (thread + 1) / threads, threads};
}

/* The thread that has a chunk where so many share a plane. */
static int64_t owner_of(const struct plane_chunks *chunks, int threads, int64_t chunk) {
    return ((chunk + 1) * threads - 1) / chunks->count;
}

/* Adds up the nodes of the tree over chunks low..high that the part has whole; a sum replaces its first chunk. */
static void add_part(const struct plane_chunks *chunks, const struct thread_part *part, int64_t low, int64_t high,
                     struct moments *moments) {
    const int64_t middle = (low + high) / 2;
    if (high - low == 1 || high <= part->chunk || low >= part->chunk_end)
        return;
    add_part(chunks, part, low, middle, moments);
    add_part(chunks, part, middle, high, moments);
    if (part->chunk <= low && high <= part->chunk_end)
        add_moments(&moments[low], pixels_in(chunks, low, middle), &moments[middle], pixels_in(chunks, middle, high));
}

/* The moments of chunks low..high, from what every thread has added up. */
static struct moments total_of(const struct plane_chunks *chunks, int threads, int64_t low, int64_t high,
                               const struct moments *moments) {
    const int64_t middle = (low + high) / 2;
    if (owner_of(chunks, threads, low) == owner_of(chunks, threads, high - 1))
        return moments[low];
    struct moments total = total_of(chunks, threads, low, middle, moments);
    const struct moments more = total_of(chunks, threads, middle, high, moments);
    add_moments(&total, pixels_in(chunks, low, middle), &more, pixels_in(chunks, middle, high));
    return total;
}

/* Lanes beyond the channels become 0. */
static void finish_affine(const struct op_call *call, int64_t channel0, int64_t count, const struct moments *moments,
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
        /* The offset makes up for the rounding of the centre. */
        affine->offset[lane] = (float)((real ? bias[channel0 + lane] : 0) + (affine->center[lane] - mean) * factor);
    }
}

/* Where a plane of an input or output begins; NULL where there is no such tensor. */
static float *plane_of(const struct tensor *tensor, const struct plane_chunks *chunks, int64_t plane) {
    return tensor ? (float *)tensor->data + plane * pixels_of(chunks) * LANES : NULL;
}

/* The moments of a chunk. Prefetches `next`, which is read after it, and read_ahead, which the second pass reads. */
static void take_chunk(const struct pixel_kernel *kernel, const float *x, int64_t count, const float *next,
                       const float *read_ahead, struct moments *moments) {
    const int64_t first = count - PREFETCH_PIXELS;
    struct moments rest;
    if (first <= 0) {
        take_moments(kernel, x, count, next, read_ahead, moments);
        return;
    }
    take_moments(kernel, x, first, x + PREFETCH_PIXELS * LANES, read_ahead, moments);
    take_moments(kernel, x + first * LANES, PREFETCH_PIXELS, next, read_ahead ? read_ahead + first * LANES : NULL,
                 &rest);
    add_moments(moments, first, &rest, PREFETCH_PIXELS);
}

/* The first pass over a plane. Prefetches what the second pass adds, if the plane is small. */
static void take_plane(const struct op_call *call, const struct plane_chunks *chunks, const struct thread_part *part,
                       int64_t plane) {
    const float *x = plane_of(call->inputs[0], chunks, plane), *added = plane_of(op_input(call, 3), chunks, plane);
    struct moments *moments = (struct moments *)call->workspace + plane * chunks->count;
    for (int64_t chunk = part->chunk; chunk < part->chunk_end; chunk++) {
        const int64_t at = chunk_at(chunks, chunk) * LANES;
        const float *next = x + chunk_at(chunks, chunk + 1) * LANES;
        if (chunk + 1 == part->chunk_end) /* what lies behind may be another thread's */
            next = plane + 1 < part->plane_end ? x + (pixels_of(chunks) + chunk_at(chunks, part->chunk)) * LANES : NULL;
        take_chunk(pixel_kernel_of(call->kernels), x + at, pixels_in(chunks, chunk, chunk + 1), next,
                   added && pixels_of(chunks) <= NEAR_PIXELS ? added + at : NULL, &moments[chunk]);
    }
    add_part(chunks, part, 0, chunks->count, moments);
}

/* The second pass. */
static void normalize(const struct op_call *call, const struct plane_chunks *chunks, const struct thread_part *part,
                      int64_t plane) {
    const struct params *params = call->params;
    const struct moments *moments = (const struct moments *)call->workspace + plane * chunks->count;
    const struct moments total = total_of(chunks, part->threads, 0, chunks->count, moments);
    const int64_t first = chunk_at(chunks, part->chunk), count = chunk_at(chunks, part->chunk_end) - first;
    const float *added = plane_of(op_input(call, 3), chunks, plane);
    float *y = plane_of(call->outputs[0], chunks, plane) + first * LANES;
    struct block_affine affine;
    enum block_finish kind;
    finish_affine(call, plane % chunks->blocks * LANES, pixels_of(chunks), &total, &affine);
    const bool known = blocked_finish_kind(&params->activation, &kind);
    pixel_kernel_of(call->kernels)
        ->scale(kind, params->activation.alpha, params->activation.beta, &affine,
                plane_of(call->inputs[0], chunks, plane) + first * LANES, added ? added + first * LANES : NULL, y,
                count);
    if (!known)
        activation_run(call->kernels, &params->activation, y, (size_t)(count * LANES));
}

static void run_part(struct team_thread self, void *context) {
    const struct op_call *call = context;
    const struct plane_chunks chunks = chunks_of(&call->inputs[0]->shape);
    const struct thread_part part = part_of(&chunks, self.index, self.count);
    for (int64_t plane = part.plane; plane < part.plane_end; plane++) {
        take_plane(call, &chunks, &part, plane);
        if (part.threads > 1)
            team_barrier(self);
        normalize(call, &chunks, &part, plane);
    }
}

static status run(struct op_call *call, struct error *err) {
    (void)err;
    if (call->outputs[0]->bytes > 0)
        team_run(call->threads, run_part, call);
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
