/* All operators: one line per file of definitions. */
#ifndef LIMNER_OPS_REGISTRY_H
#define LIMNER_OPS_REGISTRY_H

#include "ops/core/op.h"

/* The definition that serves the operator at this opset, or NULL. domain is canonical (domain_canonical). */
const struct op *op_find(const char *domain, const char *name, int64_t opset);
/* Any definition of that name, whatever the opset, or NULL: to tell an unknown operator from an unknown version. */
const struct op *op_find_any(const char *domain, const char *name);
/* All definitions: the i-th, or NULL past the end. For tables. */
const struct op *op_at(size_t i);
/* The array of ops/operator_files.h that it stands in, "ops_softmax": what a build has whole or not at all. */
const char *op_family_at(size_t i);
/* False: a build with chosen operators (`make OPERATORS=...`), where one that is missing may be in others. */
bool op_all_built(void);

#endif
