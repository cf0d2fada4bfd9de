/* Between plain tensors [N,C,H,W] and channel blocks [N,C/16,H,W,16]. See ops/blocked/blocked.h. */
#include "base/thread_team.h"
#include "ops/blocked/blocked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <string.h>

struct params {
    int64_t channels; /* of the plain tensor */
};

static status block_infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    const struct params *params = call->params;
    if (x->rank != 4 || x->dims[1] != params->channels)
        return fail(err, STATUS_SHAPE, "input 0 is %s, expected [N,%lld,H,W] for a convolution's weights",
                    shape_text(x, text), (long long)params->channels);
    const struct shape y = {5, {x->dims[0], channel_blocks(x->dims[1]), x->dims[2], x->dims[3], CHANNEL_BLOCK}};
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &y, err);
}

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct params *params = result;
    (void)call;
    params->channels = attribute_int(attributes, "channels", 0);
    return params->channels > 0 ? STATUS_OK
                                : fail(err, STATUS_INVALID_MODEL, "attribute \"channels\" must be positive");
}

static status unblock_infer(struct op_call *call, struct error *err) {
    const struct params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (x->rank != 5 || x->dims[4] != CHANNEL_BLOCK || x->dims[1] != channel_blocks(params->channels))
        return fail(err, STATUS_SHAPE, "input 0 is %s, expected %lld channels in blocks of %d", shape_text(x, text),
                    (long long)params->channels, CHANNEL_BLOCK);
    const struct shape y = {4, {x->dims[0], params->channels, x->dims[2], x->dims[3]}};
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &y, err);
}

#define RUN 512 /* pixels that are converted at once: they lie in L1 or L2 meanwhile */

/* A run of pixels of one channel block of a batch row. */
struct transposing {
    const struct few_outputs_kernel *kernel;
    int64_t plane, channels, block, first, count;
};

/* Pixels at a time where channels are missing: surplus lanes become zeros, and are written to no plane. */
#define FEW 64

static int64_t channels_of(const struct transposing *t) {
    const int64_t left = t->channels - t->block * CHANNEL_BLOCK;
    return left < CHANNEL_BLOCK ? left : CHANNEL_BLOCK;
}

static void to_blocks(const float *plain, float *blocked, const struct transposing *t) {
    const float *source = plain + t->block * CHANNEL_BLOCK * t->plane + t->first;
    float *place = blocked + (t->block * t->plane + t->first) * CHANNEL_BLOCK, few[CHANNEL_BLOCK][FEW] = {{0}};
    const int64_t channels = channels_of(t);
    if (channels == CHANNEL_BLOCK) {
        t->kernel->to_blocks(source, (size_t)t->plane, t->count, place);
        return;
    }
    for (int64_t i = 0, count; i < t->count; i += count) {
        count = t->count - i < FEW ? t->count - i : FEW;
        for (int64_t c = 0; c < channels; c++)
            memcpy(few[c], source + c * t->plane + i, (size_t)count * sizeof **few);
        t->kernel->to_blocks(few[0], FEW, count, place + i * CHANNEL_BLOCK);
    }
}

static void to_plain(const float *blocked, float *plain, const struct transposing *t) {
    const float *source = blocked + (t->block * t->plane + t->first) * CHANNEL_BLOCK;
    float *place = plain + t->block * CHANNEL_BLOCK * t->plane + t->first, few[CHANNEL_BLOCK][FEW];
    const int64_t channels = channels_of(t);
    if (channels == CHANNEL_BLOCK) {
        t->kernel->to_planes(source, t->count, place, (size_t)t->plane);
        return;
    }
    for (int64_t i = 0, count; i < t->count; i += count) {
        count = t->count - i < FEW ? t->count - i : FEW;
        t->kernel->to_planes(source + i * CHANNEL_BLOCK, count, few[0], FEW);
        for (int64_t c = 0; c < channels; c++)
            memcpy(place + c * t->plane + i, few[c], (size_t)count * sizeof **few);
    }
}

/* The runs of all channel blocks of all batch rows. */
struct layout_work {
    const struct op_call *call;
    int64_t channels, plane, blocks, runs;
    bool in;
};

static void convert_runs(void *context, int64_t first_unit, int64_t end) {
    const struct layout_work *work = context;
    const int64_t channels = work->channels, plane = work->plane, blocks = work->blocks, runs = work->runs;
    const float *source = work->call->inputs[0]->data;
    float *destination = work->call->outputs[0]->data;
    for (int64_t unit = first_unit; unit < end; unit++) {
        const int64_t image = unit / (blocks * runs), first = unit % runs * RUN;
        const int64_t plain_at = image * channels * plane, blocked_at = image * blocks * plane * CHANNEL_BLOCK;
        const struct transposing t = {.kernel = work->call->kernels->few_outputs,
                                      .plane = plane,
                                      .channels = channels,
                                      .block = unit / runs % blocks,
                                      .first = first,
                                      .count = plane - first < RUN ? plane - first : RUN};
        if (work->in)
            to_blocks(source + plain_at, destination + blocked_at, &t);
        else
            to_plain(source + blocked_at, destination + plain_at, &t);
    }
}

static void convert(const struct op_call *call, int64_t channels, bool in) {
    const struct shape *x = &call->inputs[0]->shape;
    const int64_t plane = x->dims[2] * x->dims[3];
    struct layout_work work = {call, channels, plane, channel_blocks(channels), (plane + RUN - 1) / RUN, in};
    team_for(call->threads, x->dims[0] * work.blocks * work.runs, convert_runs, &work);
}

static status block_run(struct op_call *call, struct error *err) {
    (void)err;
    if (call->outputs[0]->bytes > 0)
        convert(call, call->inputs[0]->shape.dims[1], true);
    return STATUS_OK;
}

static status unblock_run(struct op_call *call, struct error *err) {
    const struct params *params = call->params;
    (void)err;
    if (call->outputs[0]->bytes > 0)
        convert(call, params->channels, false);
    return STATUS_OK;
}

static const struct op_arg inputs[] = {{"X", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};

#define LAYOUT(NAME, INFER, RUN)                                                                   \
    {                                                                                              \
        .name = NAME, .domain = INTERNAL_DOMAIN, .since = 1, .inputs = inputs, .outputs = outputs, \
        .params_size = sizeof(struct params), .parse = parse, .infer = INFER, .run = RUN           \
    }
const struct op ops_blocked_layout[] = {
    LAYOUT(OP_TO_BLOCKS, block_infer, block_run), LAYOUT(OP_FROM_BLOCKS, unblock_infer, unblock_run), {0}};
