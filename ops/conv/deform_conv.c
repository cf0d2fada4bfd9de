/*
 * DeformConv (ONNX 19, 22) in two spatial dimensions: the plain engine's matrix product, whose inputs are looked up
 * beside their places, bilinearly, with zeros outside. The depth of the product is tap by tap, in that the channels, so
 * that places are found once for all channels of an offset group.
 */
#include "base/sizes.h"
#include "ops/conv/deform_geometry.h"
#include "ops/conv/deform_place.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/turned_pictures.h"
#include "ops/kernels/families.h"
#include "ops/kernels/resize.h"
#include "ops/matmul/gemm.h"

#include <string.h>

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct deform_params *params = result;
    (void)call;
    params->window.group = attribute_int(attributes, "group", 1);
    params->offset_groups = attribute_int(attributes, "offset_group", 1);
    if (params->window.group < 1 || params->offset_groups < 1)
        return fail(err, STATUS_INVALID_MODEL, "attributes \"group\" and \"offset_group\" are %lld and %lld",
                    (long long)params->window.group, (long long)params->offset_groups);
    return window_parse_lists(attributes, &params->window, err);
}

static status infer(struct op_call *call, struct error *err) {
    struct deform d;
    const status code = deform_resolve(call, &d, err);
    const struct shape shape = {4, {d.batch, d.out, d.axis[0].out, d.axis[1].out}};
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

/* ---- floats ---- */

struct deform_work {
    const struct op_call *call;
    struct deform d;
    const float *packed; /* of a group: out / group * depth floats */
    float *turned;       /* X as [picture][y][x][channel]; NULL: as it is */
};

/* Where offset groups have enough channels, corners are rows of them. */
static bool turns(const struct deform *d) {
    return d->in / d->offset_groups >= TURNED_CHANNELS && d->in / d->group >= TURNED_CHANNELS;
}

static size_t turned_bytes(const struct op_call *call, const struct deform *d) {
    return turns(d) ? whole_line_bytes(call->inputs[0]->bytes) : 0;
}

/* Some neighbouring columns of a tile, and the corners that they meet with one tap of an offset group. */
struct deform_places {
    int64_t n, group, tap, column0;
    int count;
    int32_t index[4][GATHER_STRIDE]; /* -1: nothing */
    float weight[4][GATHER_STRIDE];
};

static void find_places(const struct deform_work *work, int64_t group, int64_t tap, struct deform_places *places) {
    if (places->group == group && places->tap == tap)
        return;
    places->group = group, places->tap = tap;
    for (int i = 0; i < places->count; i++) {
        struct deform_corners corners;
        deform_place(work->call, &work->d, places->n, group, tap, places->column0 + i, &corners);
        for (int c = 0; c < 4; c++) {
            places->index[c][i] = corners.weight[c] != 0 ? (int32_t)corners.index[c] : -1;
            places->weight[c][i] = (float)corners.weight[c];
        }
    }
}

static void fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                  float *tile) {
    const struct deform_work *work = job->context;
    const struct deform *d = &work->d;
    const int64_t channels = d->in / d->group, plane = d->axis[0].in * d->axis[1].in,
                  of_group = d->in / d->offset_groups;
    const int64_t first = (job->input - (const float *)work->call->inputs[0]->data) / plane % d->in;
    struct deform_places places = {.n = (job->input - (const float *)work->call->inputs[0]->data) / plane / d->in,
                                   .tap = -1,
                                   .column0 = column0,
                                   .count = count};
    memset(places.index, 0xff, sizeof places.index);
    for (int64_t k = depth0, run; k < depth0 + depth; k += run, tile += run * width) {
        const int64_t channel = k % channels;
        find_places(work, (first + channel) / of_group, k / channels, &places);
        run = at_most(at_most(channels - channel, of_group - (first + channel) % of_group), depth0 + depth - k);
        run = work->turned ? run : 1;
        if (work->turned)
            turned_gather(work->call->kernels, &(struct turned_gather){{4, count, places.index, places.weight,
                                                                        work->turned + places.n * plane * d->in, tile},
                                                                       d->in,
                                                                       first + channel,
                                                                       run,
                                                                       (size_t)width});
        else
            resize_kernel_of(work->call->kernels)
                ->gather(
                    &(struct resize_gather){4, count, places.index, places.weight, job->input + channel * plane, tile});
        for (int64_t row = 0; row < run && count < width; row++)
            memset(tile + row * width + count, 0, (size_t)(width - count) * sizeof *tile);
    }
}

static void store(const struct gemm_job *job, int64_t row0, int rows, int64_t column0, int count, float *block,
                  size_t stride) {
    for (int row = 0; row < rows; row++, block += stride)
        for (int i = 0; i < count; i++)
            job->output[(row0 + row) * job->columns + column0 + i] = block[i];
}

static int64_t depth_of(const struct deform *d) {
    return d->in / d->group * d->axis[0].kernel * d->axis[1].kernel;
}

static void make_job(const struct gemm_batch *batch, int64_t i, struct gemm_job *job) {
    const struct deform_work *work = batch->context;
    const struct deform *d = &work->d;
    const struct tensor *bias = op_input(work->call, 3);
    const int64_t group = i % d->group, rows = d->out / d->group, columns = d->axis[0].out * d->axis[1].out;
    *job = (struct gemm_job){.panels = gemm_panels(batch->kernel, rows, depth_of(d)),
                             .packed = work->packed + group * rows * depth_of(d),
                             .bias = bias ? (const float *)bias->data + group * rows : NULL,
                             .columns = columns,
                             .fetch = fetch,
                             .store = store,
                             .context = work,
                             .input = (const float *)work->call->inputs[0]->data +
                                      i * (d->in / d->group) * d->axis[0].in * d->axis[1].in,
                             .output = (float *)work->call->outputs[0]->data + i * rows * columns};
}

/* [group][panel][tap][channel][row of the panel] */
static void pack_weights(const struct op_call *call, const struct deform *d, float *packed) {
    const int64_t rows = d->out / d->group, channels = d->in / d->group, taps = d->axis[0].kernel * d->axis[1].kernel;
    const struct gemm_panels panels = gemm_panels(call->kernels->gemm, rows, depth_of(d));
    const float *w = call->inputs[1]->data;
    for (int64_t group = 0; group < d->group; group++)
        for (int p = 0; p < panels.count; p++) {
            const int64_t first = group * rows + gemm_panel_row(&panels, p);
            const int64_t end = group * rows + gemm_panel_row(&panels, p + 1);
            for (int64_t k = 0; k < depth_of(d); k++)
                for (int64_t row = first; row < end; row++)
                    *packed++ = w[(row * channels + k % channels) * taps + k / channels];
        }
}

static size_t packed_bytes(const struct deform *d) {
    return whole_line_bytes((size_t)(d->out * depth_of(d)) * sizeof(float));
}

static void run_floats(const struct op_call *call, const struct deform *d) {
    char *behind = (char *)call->workspace + packed_bytes(d);
    struct deform_work work = {call, *d, call->workspace, turns(d) ? (float *)(void *)behind : NULL};
    pack_weights(call, d, call->workspace);
    if (work.turned)
        turn_pictures(call, call->inputs[0], work.turned);
    gemm_run(&(struct gemm_batch){.kernel = call->kernels->gemm,
                                  .job_count = d->batch * d->group,
                                  .make = make_job,
                                  .context = &work,
                                  .largest_rows = d->out / d->group,
                                  .largest_columns = d->axis[0].out * d->axis[1].out,
                                  .threads = call->threads,
                                  .workspace = behind + turned_bytes(call, d)});
}

/* ---- doubles ---- */

static void sum_doubles(void *context, size_t begin, size_t end) {
    const struct deform_work *work = context;
    const struct deform *d = &work->d;
    const int64_t plane = d->axis[0].out * d->axis[1].out, in_plane = d->axis[0].in * d->axis[1].in;
    const int64_t channels = d->in / d->group, taps = d->axis[0].kernel * d->axis[1].kernel;
    const double *x = work->call->inputs[0]->data, *w = work->call->inputs[1]->data;
    const struct tensor *bias = op_input(work->call, 3);
    for (int64_t o = (int64_t)begin; o < (int64_t)end; o++) {
        const int64_t n = o / plane / d->out, row = o / plane % d->out, first = row / (d->out / d->group) * channels;
        double sum = bias ? real_at(bias, row) : 0;
        for (int64_t k = 0; k < channels * taps; k++) {
            const int64_t channel = first + k % channels;
            struct deform_corners corners;
            deform_place(work->call, d, n, channel / (d->in / d->offset_groups), k / channels, o % plane, &corners);
            for (int c = 0; c < 4; c++)
                if (corners.weight[c] != 0)
                    sum += w[(row * channels + k % channels) * taps + k / channels] * corners.weight[c] *
                           x[(n * d->in + channel) * in_plane + corners.index[c]];
        }
        ((double *)work->call->outputs[0]->data)[o] = sum;
    }
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct deform d;
    const status code = deform_resolve(call, &d, err);
    if (code == STATUS_OK && call->inputs[0]->dtype == DTYPE_FLOAT)
        *workspace_bytes =
            packed_bytes(&d) + turned_bytes(call, &d) + gemm_workspace_bytes(call->kernels->gemm, call->threads);
    return code;
}

static status run(struct op_call *call, struct error *err) {
    struct deform d;
    const status code = deform_resolve(call, &d, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    struct deform_work work = {.call = call, .d = d};
    if (call->inputs[0]->dtype == DTYPE_FLOAT && call->kernels->gemm->columns <= GATHER_STRIDE && d.in > 0)
        run_floats(call, &d);
    else if (call->inputs[0]->dtype == DTYPE_DOUBLE)
        parallel_blocks((size_t)tensor_elements(call->outputs[0]), 64, call->threads, sum_doubles, &work);
    else
        return fail(err, STATUS_SHAPE, "input 0 (X) has no channels");
    return STATUS_OK;
}

static double macs(const struct op_call *call) {
    return (double)tensor_elements(call->outputs[0]) * (double)tensor_elements(call->inputs[1]) /
           (double)call->inputs[1]->shape.dims[0];
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"X", REAL, ARG_T},
                                       {"W", REAL, ARG_T},
                                       {"offset", REAL, ARG_T},
                                       {"B", REAL, ARG_T | ARG_OPTIONAL},
                                       {"mask", REAL, ARG_T | ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"Y", REAL, ARG_T}, {0}};
static const struct op_facts facts = {.reach = op_reach_whole};

const struct op ops_deform_conv[] = {{.name = "DeformConv",
                                      .domain = "",
                                      .since = 19,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct deform_params),
                                      .parse = parse,
                                      .infer = infer,
                                      .prepare = prepare,
                                      .run = run,
                                      .macs = macs,
                                      .facts = &facts},
                                     {0}};
