#include "ops/sequence/boxed.h"

#include <string.h>

status boxed_describe(struct tensor *output, enum dtype kind, struct error *err) {
    static const struct shape scalar = {.rank = 0};
    return tensor_describe(output, kind, &scalar, err);
}

status boxed_infer_sequence(struct op_call *call, struct error *err) {
    return boxed_describe(call->outputs[0], DTYPE_SEQUENCE, err);
}

void boxed_give(struct tensor *output, struct box *box) {
    *(struct box **)output->data = box;
}

status boxed_item(const struct op_call *call, int i, struct box **item, struct error *err) {
    const struct tensor *input = call->inputs[i];
    if (!dtype_is_boxed(input->dtype))
        return box_copy(call->heap, input, item, err);
    *item = box_hold(tensor_box(input));
    return STATUS_OK;
}

status boxed_keep_texts(const struct op_call *call, struct text *texts, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        char *bytes;
        if (heap_text(call->heap, texts[i].length, &bytes, err) != STATUS_OK)
            return err->code;
        if (texts[i].length > 0)
            memcpy(bytes, texts[i].bytes, texts[i].length);
        texts[i].bytes = bytes;
    }
    return STATUS_OK;
}

status boxed_copy_out(const struct op_call *call, const struct box *item, struct tensor *output, struct error *err) {
    if (output->bytes > 0)
        memcpy(output->data, item->tensor.data, output->bytes);
    if (output->dtype != DTYPE_STRING)
        return STATUS_OK;
    return boxed_keep_texts(call, output->data, (size_t)tensor_elements(output), err);
}

status boxed_position(const struct op_call *call, int i, int64_t missing, int64_t *position, struct error *err) {
    const struct tensor *input = op_input(call, i);
    char text[ARG_TEXT_BYTES];
    *position = missing;
    if (!input)
        return STATUS_OK;
    if (tensor_elements(input) != 1)
        return fail(err, STATUS_SHAPE, "%s has %lld elements, expected one", op_input_text(call, i, text),
                    (long long)tensor_elements(input));
    if (!input->data)
        return op_needs(call, i, err);
    *position = input->dtype == DTYPE_INT32 ? *(const int32_t *)input->data : *(const int64_t *)input->data;
    return STATUS_OK;
}
