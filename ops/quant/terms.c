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

void quant_terms_load(const struct quant_terms *terms, int64_t line, int64_t count, float *to) {
    const int64_t elements = terms->tensor ? tensor_elements(terms->tensor) : 1;
    if (elements > 1) {
        const int64_t at = elements == terms->all ? line : line % terms->lines;
        for (int64_t i = 0; i < count; i += CONVERT_CHUNK)
            numbers_load(terms->tensor->dtype, terms->tensor->data, (size_t)(at + i), to + i,
                         (size_t)(count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK));
        return;
    }
    const float value = number_of(terms->tensor, terms->missing);
    for (int64_t i = 0; i < count; i++)
        to[i] = value;
}

float quant_term(const struct quant_terms *terms, int64_t line) {
    float value;
    quant_terms_load(terms, line, 1, &value);
    return value;
}
