/* Operators on two inputs before opset 7: shapes are equal, or, with the attribute "broadcast", the second one repeats
   to the first from dimension "axis" on; without it their last dimensions meet. */
#ifndef LIMNER_OPS_ELEMENTWISE_BINARY_OLD_H
#define LIMNER_OPS_ELEMENTWISE_BINARY_OLD_H

#include "ops/elementwise/binary.h"

struct binary_old_params {
    bool broadcast, aligned; /* aligned: there is an axis */
    int64_t axis;
};

status binary_old_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
status binary_old_infer(struct op_call *call, struct error *err);
status binary_old_run(struct op_call *call, struct error *err);

/* Calls `then` with input 1 in a shape that broadcasts as it does since opset 7. */
typedef status binary_old_then(struct op_call *call, struct error *err);
status binary_old_with(struct op_call *call, binary_old_then *then, struct error *err);

#define BINARY_OLD(NAME, A, B, TYPES_IN, TYPES_OUT, RUN, ROW)                                                    \
    BINARY_DEFINITION(NAME, 1, 6, A, B, TYPES_IN, TYPES_OUT, sizeof(struct binary_old_params), binary_old_parse, \
                      binary_old_infer, RUN, ROW)

#endif
