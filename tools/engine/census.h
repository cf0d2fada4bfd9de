/* What a model consists of, whether limner can run it or not. */
#ifndef LIMNER_TOOLS_ENGINE_CENSUS_H
#define LIMNER_TOOLS_ENGINE_CENSUS_H

#include "onnx/model.h"

struct census_row {
    const char *domain, *name; /* of the operator, as in the model */
    int64_t opset;             /* the domain's version that the model imports; 0 when it imports none */
    size_t count;
    bool supported;
};

/* Subgraphs are counted with the graph that holds them. */
struct census {
    struct census_row *rows; /* by domain and name, in the pool */
    size_t row_count, row_capacity;
    size_t nodes, unsupported; /* unsupported: nodes, not rows */
    uint64_t parameters;       /* elements of initializers, and of constants that nodes without inputs hold */
    uint64_t parameter_bytes;
};

status census_take(const struct onnx_model *model, struct pool *pool, struct census *census, struct error *err);

#endif
