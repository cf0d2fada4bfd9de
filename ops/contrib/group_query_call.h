/* A call of GroupQueryAttention: its inputs and attributes, and what they make of the attention and its caches. */
#ifndef LIMNER_OPS_CONTRIB_GROUP_QUERY_CALL_H
#define LIMNER_OPS_CONTRIB_GROUP_QUERY_CALL_H

#include "ops/attention/attention_problem.h"
#include "ops/attention/attention_shapes.h"

enum gqa_input {
    IN_Q,
    IN_K,
    IN_V,
    IN_PAST_KEY,
    IN_PAST_VALUE,
    IN_LENGTHS,
    IN_TOTAL,
    IN_COS,
    IN_SIN,
    IN_PLACES,
    IN_ADDED,
    IN_SINK,
    IN_K_SCALE,
    IN_V_SCALE,
    IN_Q_NORM,
    IN_K_NORM,
    IN_ROWS,
    IN_COUNT
};
enum gqa_output { OUT_Y, OUT_KEY, OUT_VALUE };

struct gqa_params {
    int64_t heads, kv_heads, window;
    float scale, softcap, q_epsilon, k_epsilon;
    bool causal, rotates, pairs, smooth;
    bool slides; /* the cache holds the newest vectors alone, `window` of them or some more */
};

struct gqa {
    struct attention a; /* of one row of the batch, after place_row(); batch is that of all */
    struct attention_heads k;
    int64_t past;      /* vectors that the given cache has room for */
    void *present[2];  /* keys and values, [batch][kv_heads][keys][size] */
    size_t at[2], end; /* of those that nobody wants, in the workspace; of the engine's */
};

/* Checks the inputs against each other. The caches that nobody wants lie in the workspace, below `end`. Data need not
   be known, but for the total length. */
status gqa_describe(const struct op_call *call, struct gqa *g, struct error *err);

#endif
