#include "ops/registry.h"

#include <string.h>

#define OPERATOR_FILES(X)    \
    X(ops_conv)              \
    X(ops_conv_transpose)    \
    X(ops_blocked_conv)      \
    X(ops_blocked_layout)    \
    X(ops_blocked_norm)      \
    X(ops_matmul)            \
    X(ops_normalization)     \
    X(ops_concat)            \
    X(ops_constant)          \
    X(ops_depth_to_space)    \
    X(ops_expand)            \
    X(ops_gather)            \
    X(ops_identity)          \
    X(ops_pad)               \
    X(ops_range)             \
    X(ops_reshape)           \
    X(ops_shape)             \
    X(ops_slice)             \
    X(ops_split)             \
    X(ops_transpose)         \
    X(ops_binary_arithmetic) \
    X(ops_binary_compare)    \
    X(ops_cast)              \
    X(ops_clip)              \
    X(ops_pow)               \
    X(ops_reduce)            \
    X(ops_softmax)           \
    X(ops_unary_activations) \
    X(ops_unary_logic)       \
    X(ops_unary_math)        \
    X(ops_variadic)          \
    X(ops_where)             \
    X(ops_if)                \
    X(ops_loop)              \
    X(ops_scan)              \
    X(ops_sequence_map)      \
    X(ops_sequence)          \
    X(ops_sequence_split)    \
    X(ops_optional)          \
    X(ops_strings)           \
    X(ops_string_split)      \
    X(ops_string_normalizer) \
    X(ops_tfidf_vectorizer)  \
    X(ops_tree_ensemble)     \
    X(ops_linear)            \
    X(ops_svm_regressor)     \
    X(ops_svm_classifier)    \
    X(ops_encoders)          \
    X(ops_scalers)           \
    X(ops_maps)

#define DECLARE(definitions) extern const struct op definitions[];
OPERATOR_FILES(DECLARE)

#define LIST(definitions) definitions,
static const struct op *const files[] = {OPERATOR_FILES(LIST)};
#define FILE_COUNT (sizeof files / sizeof files[0])

static bool serves(const struct op *op, const char *domain, const char *name) {
    return op->name[0] == name[0] && strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0;
}

static bool covers(const struct op *op, int64_t opset) {
    return opset >= op->since && (op->until == 0 || opset <= op->until);
}

const struct op *op_find(const char *domain, const char *name, int64_t opset) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (const struct op *op = files[i]; op->name; op++)
            if (serves(op, domain, name) && covers(op, opset))
                return op;
    return NULL;
}

const struct op *op_find_any(const char *domain, const char *name) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (const struct op *op = files[i]; op->name; op++)
            if (serves(op, domain, name))
                return op;
    return NULL;
}

const struct op *op_at(size_t index) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (const struct op *op = files[i]; op->name; op++)
            if (index-- == 0)
                return op;
    return NULL;
}
