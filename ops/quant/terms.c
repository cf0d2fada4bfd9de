#include "ops/quant/terms.h"

#include "ops/quant/numbers.h"

status quant_terms_of(const struct op_call *call, int i, float missing, int64_t lines, int64_t all,
                      struct quant_terms *terms, struct error *err) {
    char text[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    *terms = (struct quant_terms){op_input(call, i), missing, lines, all};
    const int64_t count = terms->tensor ? tensor_elements(terms->tensor) : 1;
    if (count == 1 || count == lines || count == all)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected one element or %lld", op_input_text(call, i, name),
                shape_text(&terms->tensor->shape, text), (long long)lines);
}

float quant_term(const struct quant_terms *terms, int64_t line) {
    float value = terms->missing;
    if (!terms->tensor)
        return value;
    const int64_t count = tensor_elements(terms->tensor);
    const int64_t at = count == 1 ? 0 : count == terms->all ? line : line % terms->lines;
    numbers_load(terms->tensor->dtype, terms->tensor->data, (size_t)at, &value, 1);
    return value;
}

void quant_center(enum dtype dtype, const void *in, int64_t first, int64_t stride, int64_t count, int zero,
                  int16_t *out) {
    const int8_t *with_sign = in;
    const uint8_t *without = in;
    if (dtype == DTYPE_INT8)
        for (int64_t k = 0; k < count; k++)
            out[k] = (int16_t)(with_sign[first + k * stride] - zero);
    else
        for (int64_t k = 0; k < count; k++)
            out[k] = (int16_t)(without[first + k * stride] - zero);
}
