#include "ops/ml/rows.h"

status rows_of(const struct op_call *call, struct rows *rows, struct error *err) {
    const struct tensor *tensor = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    const int rank = tensor->shape.rank;
    if (rank < 1 || rank > 2)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [N,F] or [F]", shape_text(&tensor->shape, text));
    *rows = (struct rows){tensor, rank == 2 ? tensor->shape.dims[0] : 1, tensor->shape.dims[rank - 1]};
    return STATUS_OK;
}

status rows_describe(struct op_call *call, int output, enum dtype dtype, int64_t count, int64_t width,
                     struct error *err) {
    const struct shape shape = {.rank = 2, .dims = {count, width}};
    struct tensor *tensor = op_output(call, output);
    return tensor ? tensor_describe(tensor, dtype, &shape, err) : STATUS_OK;
}
