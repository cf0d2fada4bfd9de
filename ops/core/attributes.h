/* The attribute reader's inside, for op_parse() alone. Operators use the functions of ops/core/op.h. */
#ifndef LIMNER_OPS_CORE_ATTRIBUTES_H
#define LIMNER_OPS_CORE_ATTRIBUTES_H

#include "onnx/graph.h"

#define MAX_ATTRIBUTES 64

struct attributes {
    const struct node *node;
    struct error *err;
    status code;   /* of the first error */
    uint64_t read; /* bit i: the node's i-th attribute was asked for */
};

#endif
