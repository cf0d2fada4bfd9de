/* Between plain tensors [N,C,H,W] and channel blocks [N,C/16,H,W,16]. See ops/blocked.h. */
#include "ops/blocked.h"

struct params {
    int64_t channels; /* how many are true */
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

static status turn_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
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

#define STRETCH 512 /* pixels that are turned while they lie in a small cache */

struct turning {
    const float *plain; /* of a batch row */
    float *blocked;
    int64_t plane, channels, block, first, count;
};

/* A stretch of one channel block, from planes to blocks; missing channels become zeros. */
static void turn_in(const struct turning *t) {
    const int64_t channel0 = t->block * CHANNEL_BLOCK;
    for (int64_t lane = 0; lane < CHANNEL_BLOCK; lane++) {
        const float *source = t->plain + (channel0 + lane) * t->plane + t->first;
        float *place = t->blocked + (t->block * t->plane + t->first) * CHANNEL_BLOCK + lane;
        if (channel0 + lane < t->channels)
            for (int64_t i = 0; i < t->count; i++)
                place[i * CHANNEL_BLOCK] = source[i];
        else
            for (int64_t i = 0; i < t->count; i++)
                place[i * CHANNEL_BLOCK] = 0;
    }
}

static void turn_out(const float *blocked, float *plain, const struct turning *t) {
    const int64_t channel0 = t->block * CHANNEL_BLOCK;
    for (int64_t lane = 0; lane < CHANNEL_BLOCK && channel0 + lane < t->channels; lane++) {
        const float *source = blocked + (t->block * t->plane + t->first) * CHANNEL_BLOCK + lane;
        float *place = plain + (channel0 + lane) * t->plane + t->first;
        for (int64_t i = 0; i < t->count; i++)
            place[i] = source[i * CHANNEL_BLOCK];
    }
}

static void turn(const struct op_call *call, int64_t channels, bool in) {
    const struct shape *x = &call->inputs[0]->shape;
    const int64_t plane = x->dims[2] * x->dims[3], blocks = channel_blocks(channels);
    const int64_t stretches = (plane + STRETCH - 1) / STRETCH, units = x->dims[0] * blocks * stretches;
    const float *source = call->inputs[0]->data;
    float *destination = call->outputs[0]->data;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (call->threads > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        const int64_t image = unit / (blocks * stretches), first = unit % stretches * STRETCH;
        const int64_t plain_at = image * channels * plane, blocked_at = image * blocks * plane * CHANNEL_BLOCK;
        struct turning t = {.plane = plane,
                            .channels = channels,
                            .block = unit / stretches % blocks,
                            .first = first,
                            .count = plane - first < STRETCH ? plane - first : STRETCH};
        if (in) {
            t.plain = source + plain_at;
            t.blocked = destination + blocked_at;
            turn_in(&t);
        } else {
            turn_out(source + blocked_at, destination + plain_at, &t);
        }
    }
}

static status block_run(struct op_call *call, struct error *err) {
    (void)err;
    if (call->outputs[0]->bytes > 0)
        turn(call, call->inputs[0]->shape.dims[1], true);
    return STATUS_OK;
}

static status unblock_run(struct op_call *call, struct error *err) {
    const struct params *params = call->params;
    (void)err;
    if (call->outputs[0]->bytes > 0)
        turn(call, params->channels, false);
    return STATUS_OK;
}

static const struct op_arg inputs[] = {{"X", TYPES_FLOAT, 0}, {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, 0}, {NULL, 0, 0}};

const struct op ops_blocked_layout[] = {{.name = "Block",
                                         .domain = "limner",
                                         .since = 1,
                                         .inputs = inputs,
                                         .outputs = outputs,
                                         .params_size = sizeof(struct params),
                                         .parse = turn_parse,
                                         .infer = block_infer,
                                         .run = block_run},
                                        {.name = "Unblock",
                                         .domain = "limner",
                                         .since = 1,
                                         .inputs = inputs,
                                         .outputs = outputs,
                                         .params_size = sizeof(struct params),
                                         .parse = turn_parse,
                                         .infer = unblock_infer,
                                         .run = unblock_run},
                                        {0}};
