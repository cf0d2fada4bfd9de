#include "ops/registry.h"

#include <string.h>

/* A build with chosen operators has a list of its own, by scripts/choose_operators.c. */
#ifndef OPERATOR_FILES
#define OPERATOR_FILES "ops/operator_files.h"
#define ALL_BUILT true
#else
#define ALL_BUILT false
#endif

#define X(definitions) extern const struct op definitions[];
#include OPERATOR_FILES
#undef X

#define X(definitions) {definitions, #definitions},
static const struct {
    const struct op *definitions;
    const char *name;
} files[] = {
#include OPERATOR_FILES
};
#undef X
#define FILE_COUNT (sizeof files / sizeof files[0])

static bool serves(const struct op *op, const char *domain, const char *name) {
    return op->name[0] == name[0] && strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0;
}

static bool covers(const struct op *op, int64_t opset) {
    return opset >= op->since && (op->until == 0 || opset <= op->until);
}

const struct op *op_find(const char *domain, const char *name, int64_t opset) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (const struct op *op = files[i].definitions; op->name; op++)
            if (serves(op, domain, name) && covers(op, opset))
                return op;
    return NULL;
}

const struct op *op_find_any(const char *domain, const char *name) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (const struct op *op = files[i].definitions; op->name; op++)
            if (serves(op, domain, name))
                return op;
    return NULL;
}

/* The file of definitions that the i-th one stands in, FILE_COUNT past the end; *op is the definition. */
static size_t find_at(size_t index, const struct op **op) {
    for (size_t i = 0; i < FILE_COUNT; i++)
        for (*op = files[i].definitions; (*op)->name; (*op)++)
            if (index-- == 0)
                return i;
    *op = NULL;
    return FILE_COUNT;
}

const struct op *op_at(size_t index) {
    const struct op *op;
    find_at(index, &op);
    return op;
}

const char *op_family_at(size_t index) {
    const struct op *op;
    const size_t file = find_at(index, &op);
    return file < FILE_COUNT ? files[file].name : NULL;
}

bool op_all_built(void) {
    return ALL_BUILT;
}
