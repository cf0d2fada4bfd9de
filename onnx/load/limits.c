#include "onnx/load/limits.h"

#include <limits.h>

/* protobuf-c reads no length above INT_MAX. */
#define SKELETON_BYTES_MAX ((size_t)INT_MAX - 64)
/* Subgraphs, and types within types: each level takes stack in protobuf-c. */
#define NESTING_MAX 64

struct load_limits limits_filled(const struct load_limits *limits) {
    struct load_limits filled = limits ? *limits : (struct load_limits){0};
#define DEFAULT(name, value) filled.name = filled.name ? filled.name : (value)
    DEFAULT(model_bytes, (size_t)1 << 40);
    DEFAULT(skeleton_bytes, (size_t)512 << 20);
    DEFAULT(tensor_bytes, (size_t)64 << 30);
    DEFAULT(expanded_bytes, (size_t)2 << 30);
    DEFAULT(tensors, 1000000);
    DEFAULT(nodes, 1000000);
    DEFAULT(values, 4000000);
    DEFAULT(nesting, 16);
#undef DEFAULT
    const size_t countable = INT_MAX / 2;
    filled.nodes = filled.nodes < countable ? filled.nodes : countable;
    filled.values = filled.values < countable ? filled.values : countable;
    filled.tensors = filled.tensors < countable ? filled.tensors : countable;
    filled.skeleton_bytes = filled.skeleton_bytes < SKELETON_BYTES_MAX ? filled.skeleton_bytes : SKELETON_BYTES_MAX;
    filled.nesting = filled.nesting > 0 && filled.nesting < NESTING_MAX ? filled.nesting : NESTING_MAX;
    return filled;
}

size_t limits_decoded(const struct load_limits *limits) {
    return 4 * limits->skeleton_bytes + ((size_t)1 << 20);
}
