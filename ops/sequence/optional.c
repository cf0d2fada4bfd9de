/* Optionals: values that may be missing. ONNX: Optional, OptionalHasElement, OptionalGetElement. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"
#include "ops/sequence/boxed.h"

static const struct op_facts facts = {.reach = op_reach_unknown};

/* ---- Optional ---- */

/* The attribute "type" says what an optional without an item could have had, which nobody asks. */
static status parse_optional(const struct op_call *call, struct attributes *attributes, void *params,
                             struct error *err) {
    (void)params;
    attribute_ignore(attributes, "type");
    if (!attribute_has(attributes, "type") && (call->node->input_count == 0 || call->node->inputs[0] == NO_VALUE))
        return fail(err, STATUS_INVALID_MODEL, "expected input 0 or attribute \"type\"");
    return STATUS_OK;
}

static status infer_optional(struct op_call *call, struct error *err) {
    return boxed_describe(call->outputs[0], DTYPE_OPTIONAL, err);
}

static status run_optional(struct op_call *call, struct error *err) {
    struct box *optional, *item = NULL;
    const struct tensor *input = op_input(call, 0);
    const enum dtype element = input ? input->dtype : DTYPE_UNDEFINED;
    if (input && boxed_item(call, 0, &item, err) != STATUS_OK)
        return err->code;
    if (box_container(call->heap, DTYPE_OPTIONAL, element, 1, &optional, err) != STATUS_OK) {
        box_drop(item);
        return err->code;
    }
    if (item)
        box_put(optional, item);
    boxed_give(call->outputs[0], optional);
    return STATUS_OK;
}

/* ---- asked; what is no optional is one that has itself ---- */

static status infer_has(struct op_call *call, struct error *err) {
    static const struct shape scalar = {.rank = 0};
    return tensor_describe(call->outputs[0], DTYPE_BOOL, &scalar, err);
}

static status run_has(struct op_call *call, struct error *err) {
    const struct tensor *input = op_input(call, 0);
    (void)err;
    *(unsigned char *)call->outputs[0]->data =
        input && (input->dtype != DTYPE_OPTIONAL || tensor_box(input)->count > 0);
    return STATUS_OK;
}

static status infer_get(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    if (input->dtype != DTYPE_OPTIONAL)
        return tensor_describe(call->outputs[0], input->dtype, &input->shape, err);
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    const struct box *optional = tensor_box(input);
    if (optional->count == 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "input 0 (input) is an optional that has nothing");
    return tensor_describe(call->outputs[0], optional->items[0]->tensor.dtype, &optional->items[0]->tensor.shape, err);
}

static status run_get(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    if (input->dtype != DTYPE_OPTIONAL)
        return movement_alias(call, err);
    struct box *item = tensor_box(input)->items[0];
    if (!dtype_is_boxed(item->tensor.dtype))
        return boxed_copy_out(call, item, call->outputs[0], err);
    boxed_give(call->outputs[0], box_hold(item));
    return STATUS_OK;
}

#define TYPES_OPTIONAL TYPE(DTYPE_OPTIONAL)
#define TYPES_ELEMENT (TYPES_MOVED | TYPE(DTYPE_SEQUENCE))
/* Before opset 18 only optionals were asked; but what a loop hands to an optional of its body may be none. */
#define HAS_ELEMENT(SINCE, UNTIL, FLAGS)                                                                              \
    {                                                                                                                 \
        .name = "OptionalHasElement", .domain = "", .since = SINCE, .until = UNTIL, .facts = &facts,                  \
        .inputs = ARGS({"input", TYPES_OPTIONAL | TYPES_ELEMENT, FLAGS}), .outputs = ARGS({"output", TYPES_BOOL, 0}), \
        .infer = infer_has, .run = run_has                                                                            \
    }

const struct op ops_optional[] = {
    {.name = "Optional",
     .domain = "",
     .since = 15,
     .inputs = ARGS({"input", TYPES_ELEMENT, ARG_OPTIONAL}),
     .outputs = ARGS({"output", TYPES_OPTIONAL, 0}),
     .facts = &facts,
     .parse = parse_optional,
     .infer = infer_optional,
     .run = run_optional},
    HAS_ELEMENT(15, 17, 0),
    HAS_ELEMENT(18, 0, ARG_OPTIONAL),
    {.name = "OptionalGetElement",
     .domain = "",
     .since = 15,
     .inputs = ARGS({"input", TYPES_OPTIONAL | TYPES_ELEMENT, 0}),
     .outputs = ARGS({"output", TYPES_ELEMENT, 0}),
     .facts = &facts,
     .infer = infer_get,
     .run = run_get},
    {0},
};
