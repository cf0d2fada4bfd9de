/* The module that PyTorch's exporters note for a node. */
#ifndef LIMNER_TOOLS_CONVERT_SCOPE_H
#define LIMNER_TOOLS_CONVERT_SCOPE_H

#include "onnx/graph.h"

/*
 * "encoder.0" from the older exporter's "/encoder/encoder.0/Conv" or the newer one's name_scopes (then *precise); NULL
 * without one; *lost turns true without memory.
 */
const char *scope_of(const struct node *node, struct pool *pool, bool *precise, bool *lost);

/* The newer exporter notes that it folded a batch norm into the node. */
bool scope_notes_fold(const struct node *node);

#endif
