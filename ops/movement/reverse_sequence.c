/* ReverseSequence: of each batch the first sequence_lens[b] steps in time in reversed order, the others as they are. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"

struct reverse_params {
    int64_t batch_axis, time_axis;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct reverse_params *params = out;
    (void)call;
    params->batch_axis = attribute_int(attributes, "batch_axis", 1);
    params->time_axis = attribute_int(attributes, "time_axis", 0);
    if ((params->batch_axis != 0 || params->time_axis != 1) && (params->batch_axis != 1 || params->time_axis != 0))
        return fail(err, STATUS_INVALID_MODEL, "batch_axis is %lld and time_axis %lld, expected 0 and 1, or 1 and 0",
                    (long long)params->batch_axis, (long long)params->time_axis);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct reverse_params *params = call->params;
    const struct tensor *x = call->inputs[0], *lengths = call->inputs[1];
    char text[SHAPE_TEXT_BYTES];
    if (x->shape.rank < 2)
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s, expected a batch of sequences",
                    shape_text(&x->shape, text));
    if (lengths->shape.rank != 1 || lengths->shape.dims[0] != x->shape.dims[params->batch_axis])
        return fail(err, STATUS_SHAPE, "input 1 (sequence_lens) has shape %s, expected [%lld]",
                    shape_text(&lengths->shape, text), (long long)x->shape.dims[params->batch_axis]);
    return tensor_describe(call->outputs[0], x->dtype, &x->shape, err);
}

struct reverse_work {
    const int64_t *lengths;
    const char *from;
    char *to;
    int64_t batches, steps;
    size_t block, batch_stride, step_stride; /* bytes */
    bool time_first;
};

/* Blocks in the order in which they lie in the output. */
static void copy_blocks(void *context, size_t begin, size_t end) {
    const struct reverse_work *work = context;
    for (size_t i = begin; i < end; i++) {
        const int64_t n = (int64_t)i, inner = work->time_first ? work->batches : work->steps;
        const int64_t batch = work->time_first ? n % inner : n / inner, step = work->time_first ? n / inner : n % inner;
        const int64_t length = work->lengths[batch], source = step < length ? length - 1 - step : step;
        block_copy(work->to + i * work->block,
                   work->from + (size_t)batch * work->batch_stride + (size_t)source * work->step_stride, work->block);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct reverse_params *params = call->params;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    struct reverse_work work = {.lengths = call->inputs[1]->data, .from = x->data, .to = y->data};
    work.batches = x->shape.dims[params->batch_axis];
    work.steps = x->shape.dims[params->time_axis];
    for (int64_t i = 0; i < work.batches; i++)
        if (work.lengths[i] < 0 || work.lengths[i] > work.steps)
            return fail(err, STATUS_INVALID_ARGUMENT,
                        "number %lld of input 1 (sequence_lens) is %lld, expected 0..%lld", (long long)i,
                        (long long)work.lengths[i], (long long)work.steps);
    if (y->bytes == 0)
        return STATUS_OK;
    work.time_first = params->time_axis == 0;
    work.block = (size_t)indices_product(&x->shape, 2, x->shape.rank) * dtype_size(x->dtype);
    work.batch_stride = work.block * (work.time_first ? 1 : (size_t)work.steps);
    work.step_stride = work.block * (work.time_first ? (size_t)work.batches : 1);
    const size_t blocks = (size_t)(work.batches * work.steps);
    parallel_blocks(blocks, strided_block(blocks, y->bytes), call->threads, copy_blocks, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_unknown};
static const struct op_arg inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {"sequence_lens", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_reverse_sequence[] = {{.name = "ReverseSequence",
                                           .domain = "",
                                           .since = 10,
                                           .inputs = inputs,
                                           .outputs = outputs,
                                           .params_size = sizeof(struct reverse_params),
                                           .parse = parse,
                                           .infer = infer,
                                           .run = run,
                                           .facts = &facts},
                                          {.name = NULL}};
