/* BitCast (ONNX 26): the same bits as another element type of the same width. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct params {
    enum dtype to;
};

#define TYPES ((TYPES_WHOLE & ~TYPE(DTYPE_STRING)) | TYPES_PACKED)

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const int64_t to = attribute_int(attributes, "to", 0);
    (void)call;
    if (to <= 0 || to >= DTYPE_COUNT || !(TYPES >> to & 1))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is %lld, which is no element type of numbers",
                    (long long)to);
    ((struct params *)params)->to = (enum dtype)to;
    return STATUS_OK;
}

static enum dtype output_type(const struct op_call *call, int output) {
    (void)output;
    return ((const struct params *)call->params)->to;
}

static status infer(struct op_call *call, struct error *err) {
    const enum dtype from = call->inputs[0]->dtype, to = output_type(call, 0);
    if (dtype_bits(from) != dtype_bits(to))
        return fail(err, STATUS_INVALID_MODEL, "attribute \"to\" is %s, which has not as many bits as input 0, %s",
                    dtype_name(to), dtype_name(from));
    return tensor_describe(call->outputs[0], to, &call->inputs[0]->shape, err);
}

static const struct op_facts facts = {.by_type = true};

const struct op ops_bit_cast[] = {{.name = "BitCast",
                                   .domain = "",
                                   .since = 26,
                                   .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T1}, {0}},
                                   .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T2}, {0}},
                                   .storage = STORAGE_ALIAS,
                                   .params_size = sizeof(struct params),
                                   .parse = parse,
                                   .infer = infer,
                                   .output_type = output_type,
                                   .run = movement_alias,
                                   .facts = &facts},
                                  {0}};
