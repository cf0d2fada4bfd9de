/*
 * DeformConv (ONNX 19, 22) in two spatial dimensions: the plain engine's matrix product, whose inputs are looked up
 * beside their places, bilinearly, with zeros outside. The depth of the product is tap by tap, in that the channels, so
 * that places are found once for all channels of an offset group.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "ops/conv/window.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/turned_pictures.h"
#include "ops/kernels/families.h"
#include "ops/kernels/resize.h"
#include "ops/matmul/gemm.h"

#include <math.h>
#include <string.h>

struct deform_params {
    struct window_params window;
    int64_t offset_groups;
};

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

struct deform_axis {
    int64_t in, out, kernel, stride, dilation, pad;
};

struct deform {
    int64_t batch, in, out, group, offset_groups; /* channels of all groups */
    struct deform_axis axis[2];
};

static status resolve_axis(const struct window_params *params, int i, struct deform_axis *axis, struct error *err) {
    axis->stride = params->stride_count ? params->strides[i] : 1;
    axis->dilation = params->dilation_count ? params->dilations[i] : 1;
    axis->pad = params->pad_count ? params->pads[i] : 0;
    if (axis->kernel < 1 || (params->kernel_count && params->kernel[i] != axis->kernel))
        return fail(err, STATUS_SHAPE, "attribute \"kernel_shape\"[%d] is %lld, input 1 (W) has %lld there", i,
                    (long long)(params->kernel_count ? params->kernel[i] : 1), (long long)axis->kernel);
    const int64_t there = axis->in + axis->pad + (params->pad_count ? params->pads[2 + i] : 0);
    const int64_t slack = there - axis->dilation * (axis->kernel - 1) - 1;
    if (slack < 0)
        return fail(err, STATUS_SHAPE, "the kernel reaches over more than the %lld inputs of spatial dimension %d",
                    (long long)there, i);
    axis->out = slack / axis->stride + 1;
    return STATUS_OK;
}

static status check_input(const struct op_call *call, int i, const struct shape *expected, struct error *err) {
    const struct tensor *tensor = op_input(call, i);
    char name[ARG_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (!tensor || shape_equal(&tensor->shape, expected))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s", op_input_text(call, i, name), shape_text(&tensor->shape, a),
                shape_text(expected, b));
}

static status check_channels(const struct op_call *call, const struct deform *d, struct error *err) {
    const struct shape *w = &call->inputs[1]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (w->dims[1] > WINDOW_LIMIT || d->group > WINDOW_LIMIT || w->dims[1] * d->group != d->in ||
        d->out % d->group != 0)
        return fail(err, STATUS_SHAPE, "input 1 (W) is %s, which does not fit %lld channels in %lld groups",
                    shape_text(w, text), (long long)d->in, (long long)d->group);
    if (d->in % d->offset_groups != 0)
        return fail(err, STATUS_SHAPE, "%lld channels do not divide into %lld offset groups", (long long)d->in,
                    (long long)d->offset_groups);
    return STATUS_OK;
}

static status resolve(const struct op_call *call, struct deform *d, struct error *err) {
    const struct deform_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *w = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 4 || w->rank != 4)
        return fail(err, x->rank == 4 ? STATUS_SHAPE : STATUS_UNSUPPORTED,
                    "inputs 0 (X) and 1 (W) are %s and %s, expected rank 4", shape_text(x, a), shape_text(w, b));
    for (int i = 0; i < 4; i++)
        if (x->dims[i] > WINDOW_LIMIT || w->dims[i] > WINDOW_LIMIT)
            return fail(err, STATUS_LIMIT, "dimension %d of %s or %s is above %lld", i, shape_text(x, a),
                        shape_text(w, b), (long long)WINDOW_LIMIT);
    if (x->dims[3] > 0 && x->dims[2] > INT32_MAX / x->dims[3])
        return fail(err, STATUS_LIMIT, "a picture of %s has more than %d elements", shape_text(x, a), INT32_MAX);
    *d = (struct deform){x->dims[0], x->dims[1], w->dims[0], params->window.group, params->offset_groups, {{0}}};
    status code = window_check_lists(&params->window, 2, err);
    if (code == STATUS_OK)
        code = check_channels(call, d, err);
    for (int i = 0; code == STATUS_OK && i < 2; i++) {
        d->axis[i] = (struct deform_axis){.in = x->dims[2 + i], .kernel = w->dims[2 + i]};
        code = resolve_axis(&params->window, i, &d->axis[i], err);
    }
    const int64_t taps = d->axis[0].kernel * d->axis[1].kernel;
    struct shape offset = {4, {d->batch, 0, d->axis[0].out, d->axis[1].out}}, mask = offset;
    if (code == STATUS_OK && !int64_mul(2 * d->offset_groups, taps, &offset.dims[1]))
        code = fail(err, STATUS_LIMIT, "%lld offset groups are too many", (long long)d->offset_groups);
    mask.dims[1] = offset.dims[1] / 2;
    if (code == STATUS_OK)
        code = check_input(call, 2, &offset, err);
    if (code == STATUS_OK)
        code = check_input(call, 3, &(struct shape){1, {d->out}}, err);
    return code == STATUS_OK ? check_input(call, 4, &mask, err) : code;
}

static status infer(struct op_call *call, struct error *err) {
    struct deform d;
    const status code = resolve(call, &d, err);
    const struct shape shape = {4, {d.batch, d.out, d.axis[0].out, d.axis[1].out}};
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

/* ---- looking up ---- */

/* The four elements round a place, and how much of each; weights of what is outside are 0. */
struct corners {
    int64_t index[4];
    double weight[4];
};

static void find_corners(const struct deform_axis axis[2], double y, double x, double factor, struct corners *to) {
    const double bottom = (double)axis[0].in, right = (double)axis[1].in;
    const bool near = y > -1 && y < bottom && x > -1 && x < right;
    const double top = near ? (double)((int64_t)(y + 1) - 1) : 0, left = near ? (double)((int64_t)(x + 1) - 1) : 0;
    for (int k = 0; k < 4; k++) {
        const double row = top + (k >> 1), column = left + (k & 1);
        const bool inside = near && row >= 0 && row < bottom && column >= 0 && column < right;
        to->index[k] = inside ? (int64_t)row * axis[1].in + (int64_t)column : 0;
        to->weight[k] = inside ? (1 - fabs(y - row)) * (1 - fabs(x - column)) * factor : 0;
    }
}

/* A float or double. */
static inline double real_at(const struct tensor *tensor, int64_t i) {
    return tensor->dtype == DTYPE_DOUBLE ? ((const double *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

/* What a tap of an offset group meets at a position of the output. */
static void find_place(const struct op_call *call, const struct deform *d, int64_t n, int64_t offset_group, int64_t tap,
                       int64_t position, struct corners *to) {
    const int64_t plane = d->axis[0].out * d->axis[1].out, taps = d->axis[0].kernel * d->axis[1].kernel;
    const int64_t row = position / d->axis[1].out, column = position % d->axis[1].out;
    const int64_t at = ((n * d->offset_groups + offset_group) * taps + tap) * plane + position;
    const int64_t offset = at - position + ((n * d->offset_groups + offset_group) * taps + tap) * plane + position;
    const struct tensor *mask = op_input(call, 4);
    const int64_t tap_row = tap / d->axis[1].kernel, tap_column = tap % d->axis[1].kernel;
    const int64_t y = row * d->axis[0].stride - d->axis[0].pad + tap_row * d->axis[0].dilation;
    const int64_t x = column * d->axis[1].stride - d->axis[1].pad + tap_column * d->axis[1].dilation;
    find_corners(d->axis, (double)y + real_at(call->inputs[2], offset),
                 (double)x + real_at(call->inputs[2], offset + plane), mask ? real_at(mask, at) : 1, to);
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
        struct corners corners;
        find_place(work->call, &work->d, places->n, group, tap, places->column0 + i, &corners);
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
            struct corners corners;
            find_place(work->call, d, n, channel / (d->in / d->offset_groups), k / channels, o % plane, &corners);
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
    const status code = resolve(call, &d, err);
    if (code == STATUS_OK && call->inputs[0]->dtype == DTYPE_FLOAT)
        *workspace_bytes =
            packed_bytes(&d) + turned_bytes(call, &d) + gemm_workspace_bytes(call->kernels->gemm, call->threads);
    return code;
}

static status run(struct op_call *call, struct error *err) {
    struct deform d;
    const status code = resolve(call, &d, err);
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
