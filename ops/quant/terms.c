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
