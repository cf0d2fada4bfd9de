/* Sequences: made, asked and changed. ONNX: SequenceConstruct, SequenceEmpty, SequenceAt, SequenceInsert,
 * SequenceErase, SequenceLength. A changed sequence is another one that shares the items. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"
#include "ops/sequence/boxed.h"

static const struct op_facts facts = {.reach = op_reach_unknown};

/* ---- made ---- */

static status run_construct(struct op_call *call, struct error *err) {
    struct box *sequence, *item;
    const size_t count = (size_t)call->input_count;
    if (box_container(call->heap, DTYPE_SEQUENCE, call->inputs[0]->dtype, count, &sequence, err) != STATUS_OK)
        return err->code;
    for (int i = 0; i < call->input_count; i++) {
        if (boxed_item(call, i, &item, err) != STATUS_OK) {
            box_drop(sequence);
            return err->code;
        }
        box_put(sequence, item);
    }
    boxed_give(call->outputs[0], sequence);
    return STATUS_OK;
}

struct empty {
    enum dtype element;
};

static status parse_empty(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const int64_t dtype = attribute_int(attributes, "dtype", DTYPE_FLOAT);
    (void)call;
    if (dtype <= DTYPE_UNDEFINED || dtype >= DTYPE_COUNT)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"dtype\" is %lld, which is no element type",
                    (long long)dtype);
    ((struct empty *)params)->element = (enum dtype)dtype;
    return STATUS_OK;
}

static status run_empty(struct op_call *call, struct error *err) {
    struct box *sequence;
    const struct empty *empty = call->params;
    const status code = box_container(call->heap, DTYPE_SEQUENCE, empty->element, 0, &sequence, err);
    if (code == STATUS_OK)
        boxed_give(call->outputs[0], sequence);
    return code;
}

/* ---- asked ---- */

static status infer_length(struct op_call *call, struct error *err) {
    static const struct shape scalar = {.rank = 0};
    return tensor_describe(call->outputs[0], DTYPE_INT64, &scalar, err);
}

static status run_length(struct op_call *call, struct error *err) {
    (void)err;
    *(int64_t *)call->outputs[0]->data = (int64_t)tensor_box(call->inputs[0])->count;
    return STATUS_OK;
}

/* The place of an item; last: one behind the items is a place, too. A place left out is the last one. */
static status find_place(const struct op_call *call, int input, bool behind, size_t *place, struct error *err) {
    const int64_t count = (int64_t)tensor_box(call->inputs[0])->count;
    int64_t position;
    if (boxed_position(call, input, behind ? count : -1, &position, err) != STATUS_OK)
        return err->code;
    if (position < -count || position >= count + behind)
        return fail(err, STATUS_SHAPE, "position %lld in a sequence of %lld items, expected %lld to %lld",
                    (long long)position, (long long)count, (long long)-count, (long long)(count + behind - 1));
    *place = (size_t)(position < 0 ? position + count : position);
    return STATUS_OK;
}

static status infer_at(struct op_call *call, struct error *err) {
    size_t place;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    if (find_place(call, 1, false, &place, err) != STATUS_OK)
        return err->code;
    const struct tensor *item = &tensor_box(call->inputs[0])->items[place]->tensor;
    return tensor_describe(call->outputs[0], item->dtype, &item->shape, err);
}

static status run_at(struct op_call *call, struct error *err) {
    size_t place = 0;
    const status code = find_place(call, 1, false, &place, err);
    return code == STATUS_OK ? boxed_copy_out(call, tensor_box(call->inputs[0])->items[place], call->outputs[0], err)
                             : code;
}

/* ---- changed ---- */

/* A sequence of the items from..to of another one. */
static void put_items(struct box *sequence, const struct box *other, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        box_put(sequence, box_hold(other->items[i]));
}

static status run_insert(struct op_call *call, struct error *err) {
    const struct box *old = tensor_box(call->inputs[0]);
    const enum dtype element = old->element == DTYPE_UNDEFINED ? call->inputs[1]->dtype : old->element;
    struct box *sequence, *item;
    size_t place = 0;
    if (element != call->inputs[1]->dtype)
        return fail(err, STATUS_INVALID_MODEL, "input 1 (tensor) has element type %s, the sequence is one of %s",
                    dtype_name(call->inputs[1]->dtype), dtype_name(element));
    if (find_place(call, 2, true, &place, err) != STATUS_OK || boxed_item(call, 1, &item, err) != STATUS_OK)
        return err->code;
    if (box_container(call->heap, DTYPE_SEQUENCE, element, old->count + 1, &sequence, err) != STATUS_OK) {
        box_drop(item);
        return err->code;
    }
    put_items(sequence, old, 0, place);
    box_put(sequence, item);
    put_items(sequence, old, place, old->count);
    boxed_give(call->outputs[0], sequence);
    return STATUS_OK;
}

static status run_erase(struct op_call *call, struct error *err) {
    const struct box *old = tensor_box(call->inputs[0]);
    struct box *sequence;
    size_t place = 0;
    if (find_place(call, 1, false, &place, err) != STATUS_OK ||
        box_container(call->heap, DTYPE_SEQUENCE, old->element, old->count, &sequence, err) != STATUS_OK)
        return err->code;
    put_items(sequence, old, 0, place);
    put_items(sequence, old, place + 1, old->count);
    boxed_give(call->outputs[0], sequence);
    return STATUS_OK;
}

#define TYPES_SEQUENCE TYPE(DTYPE_SEQUENCE)
#define INPUT_SEQUENCE \
    { "input_sequence", TYPES_SEQUENCE, 0 }
#define OUTPUT_SEQUENCE ARGS({"output_sequence", TYPES_SEQUENCE, 0})
#define SEQUENCE_OP(NAME, INPUTS, OUTPUTS, INFER, RUN)                                                              \
    .name = NAME, .domain = "", .since = 11, .inputs = INPUTS, .outputs = OUTPUTS, .facts = &facts, .infer = INFER, \
    .run = RUN

const struct op ops_sequence[] = {
    {SEQUENCE_OP("SequenceConstruct", ARGS({"inputs", TYPES_MOVED, ARG_VARIADIC | ARG_T}), OUTPUT_SEQUENCE,
                 boxed_infer_sequence, run_construct)},
    {SEQUENCE_OP("SequenceEmpty", NULL, OUTPUT_SEQUENCE, boxed_infer_sequence, run_empty), .parse = parse_empty,
     .params_size = sizeof(struct empty)},
    {SEQUENCE_OP("SequenceLength", ARGS(INPUT_SEQUENCE), ARGS({"length", TYPE(DTYPE_INT64), 0}), infer_length,
                 run_length)},
    {SEQUENCE_OP("SequenceAt", ARGS(INPUT_SEQUENCE, {"position", TYPES_INDEX, 0}), ARGS({"tensor", TYPES_MOVED, 0}),
                 infer_at, run_at)},
    {SEQUENCE_OP("SequenceInsert",
                 ARGS(INPUT_SEQUENCE, {"tensor", TYPES_MOVED, 0}, {"position", TYPES_INDEX, ARG_OPTIONAL}),
                 OUTPUT_SEQUENCE, boxed_infer_sequence, run_insert)},
    {SEQUENCE_OP("SequenceErase", ARGS(INPUT_SEQUENCE, {"position", TYPES_INDEX, ARG_OPTIONAL}), OUTPUT_SEQUENCE,
                 boxed_infer_sequence, run_erase)},
    {0},
};
