/* What an attention is made of, for all files of this folder. */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_PROBLEM_H
#define LIMNER_OPS_ATTENTION_ATTENTION_PROBLEM_H

#include "ops/core/op.h"

/* Vectors of neighbours, [batch][head][row]; strides in elements. */
struct attention_array {
    void *data;
    int64_t batch, head, row;
};

/* What is added to the scores, [batch][head][row][key]; strides in elements, 0 repeats. */
struct attention_mask {
    const struct tensor *tensor; /* of any number type, or bools; NULL: none */
    int64_t batch, head, row;
    int64_t keys;   /* it has so many keys, side by side; those behind are masked */
    bool allows;    /* adds nothing where it is not 0, and else `blocked`; a BOOL tensor does, too */
    double blocked; /* usually -infinity */
};

/* What `scores` gets. */
enum attention_stage { SCORES_SCALED, SCORES_CAPPED, SCORES_MASKED, SCORES_SOFTMAX };

#define ATTENTION_MASKS 2

struct attention {
    enum dtype dtype; /* of all arrays: FLOAT or DOUBLE */
    int64_t batch, heads, kv_heads, rows, keys;
    int64_t size, value_size; /* of the vectors of q and k, of v and y */
    int64_t past;             /* keys that are in past_k and past_v; the others are in k and v */
    struct attention_array q, k, v, past_k, past_v, y;
    struct attention_mask masks[ATTENTION_MASKS];
    const int64_t *lengths; /* [batch]: keys from there on are masked; NULL: none */
    int64_t offset;         /* place of row 0 among the keys; ... */
    bool at_end;            /* ... or the last row's is the last key of the lengths */
    int64_t left, right;    /* a row at place p sees keys p - left .. p + right; below 0: all. Causal: right = 0 */
    double scale, softcap;  /* softcap 0: none */
    const float *sinks;     /* [heads]: what else there is to see for a row, which has no value; NULL: ... */
    bool smooth;            /* ... 0 for every head, or nothing */
    void *scores;           /* [batch][heads][rows][keys]; NULL: nobody wants them */
    enum attention_stage stage;
};

#endif
