/* Constant and ConstantOfShape: values that stand in the node itself. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

/* Exactly one of the forms of Constant. Scalars lie here, everything else in the model. */
struct constant_params {
    enum dtype dtype;
    struct shape shape;
    const void *data;            /* NULL: the scalar */
    const struct tensor *tensor; /* of the form "value", else NULL */
    union {
        float f;
        int64_t i;
        struct text text;
    } scalar;
};

static status set_list(struct constant_params *params, enum dtype dtype, const void *data, size_t count) {
    params->dtype = dtype;
    params->shape = (struct shape){.rank = 1, .dims = {(int64_t)count}};
    params->data = data;
    return STATUS_OK;
}

static status parse_tensor(struct attributes *attributes, const char *name, struct constant_params *params) {
    const struct tensor *tensor = attribute_tensor(attributes, name);
    if (!tensor)
        return STATUS_INVALID_MODEL; /* the reader has said why */
    params->dtype = tensor->dtype;
    params->shape = tensor->shape;
    params->data = tensor->data;
    params->tensor = tensor;
    return STATUS_OK;
}

static status parse_form(const struct op_call *call, struct attributes *attributes, const char *name,
                         struct constant_params *params) {
    size_t count;
    if (strcmp(name, "value") == 0)
        return parse_tensor(attributes, name, params);
    if (strcmp(name, "value_float") == 0) {
        params->dtype = DTYPE_FLOAT;
        params->scalar.f = attribute_float(attributes, name, 0);
    } else if (strcmp(name, "value_int") == 0) {
        params->dtype = DTYPE_INT64;
        params->scalar.i = attribute_int(attributes, name, 0);
    } else if (strcmp(name, "value_string") == 0) {
        params->dtype = DTYPE_STRING;
        if (attribute_text(attributes, name, NULL)) /* which cannot tell of zero bytes within */
            params->scalar.text = node_attribute(call->node, name)->s;
    } else if (strcmp(name, "value_floats") == 0) {
        const float *list = attribute_floats(attributes, name, &count);
        return set_list(params, DTYPE_FLOAT, list, count);
    } else if (strcmp(name, "value_ints") == 0) {
        const int64_t *list = attribute_int_list(attributes, name, &count);
        return set_list(params, DTYPE_INT64, list, count);
    } else {
        const struct text *list = attribute_texts(attributes, name, &count);
        return set_list(params, DTYPE_STRING, list, count);
    }
    return STATUS_OK;
}

/* The forms, with the opset that brought them. The loader makes a sparse_value a value. */
static const struct {
    const char *name;
    int since;
} forms[] = {{"value", 1},       {"value_float", 12},  {"value_floats", 12}, {"value_int", 12},
             {"value_ints", 12}, {"value_string", 12}, {"value_strings", 12}};

static status parse_constant(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    const char *found = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!attribute_has(attributes, forms[i].name) || call->opset < forms[i].since)
            continue;
        if (found)
            return fail(err, STATUS_INVALID_MODEL, "attributes \"%s\" and \"%s\" exclude each other", found,
                        forms[i].name);
        found = forms[i].name;
    }
    if (!found)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"value\" is missing");
    return parse_form(call, attributes, found, out);
}

static enum dtype constant_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct constant_params *)call->params)->dtype;
}

static status infer_constant(struct op_call *call, struct error *err) {
    const struct constant_params *params = call->params;
    return tensor_describe(call->outputs[0], params->dtype, &params->shape, err);
}

static status run_constant(struct op_call *call, struct error *err) {
    const struct constant_params *params = call->params;
    const struct tensor *output = call->outputs[0];
    (void)err;
    strided_move(output->data, params->data ? params->data : &params->scalar, output->bytes, call->threads);
    return STATUS_OK;
}

static const struct tensor *constant_tensor(const struct op_call *call) {
    return ((const struct constant_params *)call->params)->tensor;
}

static const struct op_facts constant_facts = {.constant = constant_tensor};

/* ---- ConstantOfShape ---- */

struct fill_params {
    enum dtype dtype;
    unsigned char value[sizeof(struct text)];
};

static status parse_fill(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct fill_params *params = out;
    (void)call;
    params->dtype = DTYPE_FLOAT;
    if (!attribute_has(attributes, "value"))
        return STATUS_OK;
    const struct tensor *value = attribute_tensor(attributes, "value");
    char text[SHAPE_TEXT_BYTES];
    if (!value)
        return STATUS_INVALID_MODEL; /* the reader has said why */
    if (tensor_elements(value) != 1 || !value->data)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"value\" has shape %s, expected one element",
                    shape_text(&value->shape, text));
    if (!(TYPES_WHOLE >> value->dtype & 1))
        return fail(err, STATUS_UNSUPPORTED, "attribute \"value\" has element type %s", dtype_name(value->dtype));
    params->dtype = value->dtype;
    memcpy(params->value, value->data, dtype_size(value->dtype));
    return STATUS_OK;
}

static enum dtype fill_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct fill_params *)call->params)->dtype;
}

static status infer_fill(struct op_call *call, struct error *err) {
    const struct fill_params *params = call->params;
    struct shape shape = {0};
    const status code = op_input_ints(call, 0, shape.dims, MAX_RANK, &shape.rank, err);
    if (code != STATUS_OK)
        return code;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] < 0)
            return fail(err, STATUS_SHAPE, "input[%d] is %lld, expected a size of 0 or more", i,
                        (long long)shape.dims[i]);
    return tensor_describe(call->outputs[0], params->dtype, &shape, err);
}

static status run_fill(struct op_call *call, struct error *err) {
    const struct fill_params *params = call->params;
    const struct tensor *output = call->outputs[0];
    struct strided box = {.element = dtype_size(params->dtype)};
    (void)err;
    strided_add(&box, tensor_elements(output), (int64_t)box.element, 0);
    strided_copy(&box, output->data, params->value, call->threads);
    return STATUS_OK;
}

static const struct op_arg no_inputs[] = {{0}};
static const struct op_arg shape_inputs[] = {{"input", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_MOVED, ARG_T}, {0}};

const struct op ops_constant[] = {{.name = "Constant",
                                   .domain = "",
                                   .since = 1,
                                   .inputs = no_inputs,
                                   .outputs = outputs,
                                   .params_size = sizeof(struct constant_params),
                                   .parse = parse_constant,
                                   .infer = infer_constant,
                                   .output_type = constant_type,
                                   .facts = &constant_facts,
                                   .run = run_constant},
                                  {.name = "ConstantOfShape",
                                   .domain = "",
                                   .since = 9,
                                   .inputs = shape_inputs,
                                   .outputs = outputs,
                                   .params_size = sizeof(struct fill_params),
                                   .parse = parse_fill,
                                   .infer = infer_fill,
                                   .output_type = fill_type,
                                   .run = run_fill},
                                  {.name = NULL}};
