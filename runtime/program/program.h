/*
 * What a model runs: the graph after the passes, every node bound to its operator. Immutable once made; shared by
 * plans, sessions and threads.
 */
#ifndef LIMNER_RUNTIME_PROGRAM_PROGRAM_H
#define LIMNER_RUNTIME_PROGRAM_PROGRAM_H

#include "onnx/model.h"
#include "ops/core/op.h"

struct program_options {
    bool open;           /* inputs with default values may be given: their defaults are no constants */
    unsigned passes_off; /* enum pass_bit */
    size_t tensor_bytes; /* no constant is folded beyond this; 0: no limit */
};

struct program;

/* A subgraph of a node: a program of its own. Constants around it that it reads are constants in it. */
struct program_body {
    const char *name; /* the attribute */
    struct program *program;
    int *port_values; /* of what an execution gives: the subgraph's inputs, */
    int given;        /* so many, and what it captures; their values in the program's graph, ... */
    int *port_inputs; /* ... and, of a captured one, which input of the node it is */
    int port_count;
};

/* One node of the graph, bound to its operator. */
struct program_node {
    const struct op *op;
    int opset;
    const void *params;
    const char *label;   /* for messages: Conv "enc.0" */
    const char *op_type; /* as it runs: Conv+LeakyRelu */
    struct program_body *bodies;
    int body_count;
};

/* Heap memory behind constants that passes made. Views of one another share it. */
struct program_block {
    void *data;
    int users;
};

struct program {
    const struct onnx_model *source; /* names, tensors and attributes are its own */
    struct pool *pool;
    bool open;
    struct graph *graph; /* a copy; values keep their indices, outputs may stand for other values than in the source */
    struct program_node *nodes;    /* as many as graph->node_count */
    struct program_block **blocks; /* by value; NULL where memory is not the program's */
    int block_capacity;
    bool inner;                /* of a subgraph */
    bool *unchanged;           /* of a subgraph, by output: it is the input that the value was carried in by */
    bool assumes;              /* a pass left nodes out whose shapes it could not check */
    struct program *unaltered; /* then: the same before the passes, for plans to check shapes by; else NULL */
};

/* NULL is allowed. */
void program_destroy(struct program *program);

/* The value's constant data, or NULL when it has none or may be replaced by a run's input. */
const struct tensor *program_constant(const struct program *program, int value);

/* Makes the tensor the value's constant; block (may be NULL) is what its data lie in and gains a user. */
status program_set_constant(struct program *program, int value, const struct tensor *tensor,
                            struct program_block *block, struct error *err);
/* A block that owns data; on failure data is freed and NULL returned. */
struct program_block *program_block_create(struct program *program, void *data);
/* Takes back a constant that nobody reads any more; memory that a pass made is freed with its last user. */
void program_drop_constant(struct program *program, int value);

/* The version of the node's operator set: the model's import, or INTERNAL_OPSET. 0 when the model imports none. */
int program_opset(const struct onnx_model *source, const struct node *node);
/* The operator's name as its file has it: how its numbers lie is not the reader's business. */
const char *program_shown_type(const struct node *node);
/* How a message names the node: Conv "enc.0", or by what it makes: Conv making "x". Lives in the pool; NULL without
 * memory. */
const char *program_label(struct pool *pool, const struct graph *graph, const struct node *node);
/* op_parse and op_check_counts for a node alone: its arguments count as present or left out, nothing more is known of
 * them. */
status program_parse(const struct node *node, const struct op *op, int opset, void *params, struct error *err);

#endif
