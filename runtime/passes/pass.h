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

/* Runs the passes that are not switched off, in the table's order, with denormals flushed as when running. */
status passes_run(struct program *program, const struct program_options *options, struct error *err);
/* The i-th pass, or NULL past the end. */
const struct pass *pass_at(size_t i);

status pass_fold(struct pass_context *context, struct error *err);
status pass_noop(struct pass_context *context, struct error *err);
status pass_batchnorm(struct pass_context *context, struct error *err);
status pass_pad(struct pass_context *context, struct error *err);
status pass_activation(struct pass_context *context, struct error *err);
status pass_layout(struct pass_context *context, struct error *err);

/* ---- for the passes ---- */

/* The node is of ONNX's own domain and this type. */
bool pass_is(const struct node *node, const char *op_type);
/* Conv or ConvTranspose, of ONNX's domain or with something folded into it already. */
bool pass_is_convolution(const struct node *node);
/* Value of input i; NO_VALUE when it is left out or beyond the list. */
int pass_input(const struct node *node, int i);
/* Constant of input i; NULL when it is left out, no constant, or not of this type. Its data need not be aligned. */
const struct tensor *pass_weight(const struct pass_context *context, const struct node *node, int i, enum dtype dtype);
/* The same for small ones, aligned for its type: if need be a copy in the scratch pool. NULL without memory, too. */
const struct tensor *pass_constant(const struct pass_context *context, const struct node *node, int i,
                                   enum dtype dtype);
/* The node that makes the value, and nothing else, for one single reader; or NULL. */
struct node *pass_only_producer(const struct pass_context *context, int value);
/* The producer makes the reader's output 0 from now on, in place of its own; the reader is dead. */
void pass_absorb(struct pass_context *context, struct node *producer, struct node *reader);
int64_t pass_int(const struct node *node, const char *name, int64_t fallback);
float pass_float(const struct node *node, const char *name, float fallback);
/* The same text, or fallback; never NULL when fallback is not. */
const char *pass_text(const struct node *node, const char *name, const char *fallback);
/* What a Pad adds at the borders of the spatial dimensions. */
struct pass_padding {
    const char *mode;
    int rank; /* of what is padded */
    int64_t begin[MAX_RANK], end[MAX_RANK];
};
/* False unless the node pads spatial dimensions alone, with known amounts, and constant padding is by zeros. */
bool pass_read_padding(const struct pass_context *context, const struct node *pad, struct pass_padding *padding);
/* A convolution's own pads, begin of every spatial dimension before the ends. False when they are not fixed numbers. */
bool pass_read_pads(const struct node *conv, int spatial, int64_t *pads);
/* Gives a convolution these pads. False without memory. */
bool pass_set_pads(struct pass_context *context, struct node *conv, const int64_t *pads, int count);
/* The activation that a node is, with its parameters; false for every other node. */
struct pass_fusion {
    const char *name; /* of the activation's operator */
    float params[2];
    int param_count;
};
bool pass_read_activation(const struct pass_context *context, const struct node *node, struct pass_fusion *fusion);
/* Puts the activation's attributes on an internal node. False without memory. */
bool pass_set_activation(struct pass_context *context, struct node *node, const struct pass_fusion *fusion);
/* A described tensor with heap memory that becomes a new constant value of the graph; *value is its index. */
status pass_new_constant(struct pass_context *context, const char *name, const struct shape *shape, enum dtype dtype,
                         struct tensor *tensor, int *value, struct error *err);
/* Gives the node this attribute, in place of one of the same name. False without memory. */
bool pass_set_attribute(struct pass_context *context, struct node *node, const struct attribute *attribute);

#endif
