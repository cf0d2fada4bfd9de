/*
 * The passes: what is changed in a program's graph before it runs. Each is one file and one line of the table in
 * passes.c, and can be switched off; with it or without it the outputs are the same (bit for bit, but for those that
 * say otherwise). A pass walks the nodes in order, moves edges, and leaves dropping what is dead to the driver.
 */
#ifndef LIMNER_RUNTIME_PASSES_PASS_H
#define LIMNER_RUNTIME_PASSES_PASS_H

#include "runtime/program/program.h"

enum pass_bit {
    PASS_FOLD = 1,
    PASS_NOOP = 2,
    PASS_BATCHNORM = 4, /* another order of arithmetic */
    PASS_PAD = 8,
    PASS_ACTIVATION = 16,
    PASS_LAYOUT = 32, /* another order of arithmetic */
    PASS_ALL = 63
};

struct pass_context {
    struct program *program;
    struct graph *graph;
    struct pool *scratch; /* emptied after every pass */
    bool *starved;        /* set when scratch memory is lacking: the pass fails then, whatever it returns */
    int *readers;         /* by value, when the pass began: node inputs and graph outputs that read it */
    int value_count;      /* when the pass began */
    size_t tensor_bytes;
    const struct kernels *kernels;
    int threads;
};

struct pass {
    const char *name;
    unsigned bit;
    status (*run)(struct pass_context *context, struct error *err);
};

/* ---- for the passes ---- */

/* What a Pad adds at the borders of the spatial dimensions. */
struct pass_padding {
    const char *mode;
    int rank; /* of what is padded */
    int64_t begin[MAX_RANK], end[MAX_RANK];
};
/* The activation that a node is, with its parameters; false for every other node. */
struct pass_fusion {
    const char *name; /* of the activation's operator */
    float params[2];
    int param_count;
};

/* Zeroed memory until the pass ends. Without any, NULL, and the pass fails. */
void *pass_scratch(const struct pass_context *context, size_t count, size_t bytes);
/* The node is of ONNX's own domain and this type. */
bool pass_is(const struct node *node, const char *op_type);
/* Conv or ConvTranspose, of ONNX's domain or with something folded into it already. */
bool pass_is_convolution(const struct node *node);
/* Value of input i; NO_VALUE when it is left out or beyond the list. */
int pass_input(const struct node *node, int i);
/* Constant of input i; NULL when it is left out, no constant, or not of this type. Its data need not be aligned. */
const struct tensor *pass_weight(const struct pass_context *context, const struct node *node, int i, enum dtype dtype);
/* The same for small ones, aligned for its type: if need be a copy in the scratch pool. Without memory, NULL,
   and the pass fails. */
const struct tensor *pass_constant(const struct pass_context *context, const struct node *node, int i,
                                   enum dtype dtype);
/* The node that makes the value, and nothing else, for one single reader; or NULL. */
struct node *pass_only_producer(const struct pass_context *context, int value);
/* The producer makes the reader's output 0 from now on, in place of its own; the reader is dead. */
void pass_absorb(struct pass_context *context, struct node *producer, struct node *reader);
/* A described tensor with heap memory that becomes a new constant value of the graph; *value is its index. */
status pass_new_constant(struct pass_context *context, const char *name, const struct shape *shape, enum dtype dtype,
                         struct tensor *tensor, int *value, struct error *err);
/* Gives the node this attribute, in place of one of the same name. False without memory. */
bool pass_set_attribute(struct pass_context *context, struct node *node, const struct attribute *attribute);

#endif
