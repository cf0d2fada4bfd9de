/* GroupQueryAttention with packed inputs, rotations or norms, written as operators before one that has none. */
#ifndef LIMNER_OPS_CONTRIB_GROUP_QUERY_EXPAND_H
#define LIMNER_OPS_CONTRIB_GROUP_QUERY_EXPAND_H

#include "ops/core/op_write.h"

/* The fact `expand`; it writes operators of GQA_EXPANDS_TO. */
status gqa_expand(struct op_writer *w, struct error *err);
#define GQA_EXPANDS_TO \
    "Identity Reshape Split RMSNormalization Shape Cast Sub Add Max Squeeze Range Min com.microsoft:RotaryEmbedding"

#endif
