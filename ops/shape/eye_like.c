/* EyeLike: ones on diagonal k of a matrix as large as the input, zeros elsewhere. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/movement/block_copy.h"

struct eye_params {
    enum dtype dtype; /* UNDEFINED: the input's */
    int64_t k;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct eye_params *params = out;
    status code;
    (void)call;
    params->dtype = attribute_dtype(attributes, "dtype", DTYPE_UNDEFINED, TYPES_REALS, &code, err);
    params->k = attribute_int(attributes, "k", 0);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct eye_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    if (x->shape.rank != 2)
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s, expected a matrix", shape_text(&x->shape, text));
    return tensor_describe(call->outputs[0], params->dtype ? params->dtype : x->dtype, &x->shape, err);
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct eye_params *)call->params)->dtype;
}

static status run(struct op_call *call, struct error *err) {
    const struct eye_params *params = call->params;
    const struct tensor *y = call->outputs[0];
    const int64_t rows = y->shape.dims[0], columns = y->shape.dims[1];
    const int64_t k = params->k < -rows ? -rows : params->k > columns ? columns : params->k;
    const size_t element = dtype_size(y->dtype);
    const double number = 1;
    char one[16]; /* as large as any element that is moved */
    (void)err;
    memset(y->data, 0, y->bytes);
    reals_store(y->dtype, &number, one, 1);
    for (int64_t row = k < 0 ? -k : 0; row < rows && row + k < columns; row++)
        block_copy((char *)y->data + (size_t)(row * columns + row + k) * element, one, element);
    return STATUS_OK;
}

static const struct op_facts facts = {.by_type = true, .reach = op_reach_nothing};
static const struct op_arg inputs[] = {{"input", TYPES_REALS, ARG_T | ARG_UNREAD}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_REALS, ARG_T | ARG_STATED}, {0}};

const struct op ops_eye_like[] = {{.name = "EyeLike",
                                   .domain = "",
                                   .since = 9,
                                   .inputs = inputs,
                                   .outputs = outputs,
                                   .params_size = sizeof(struct eye_params),
                                   .parse = parse,
                                   .infer = infer,
                                   .output_type = output_type,
                                   .run = run,
                                   .facts = &facts},
                                  {.name = NULL}};
