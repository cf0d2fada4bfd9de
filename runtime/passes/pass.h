/*
 * The passes: what is changed in a program's graph before it runs. Each is one file and one line of the table in
 * passes.c, and can be switched off; with it or without it the outputs are the same (bit for bit, but for those that
 * say otherwise). A pass walks the nodes in order, moves edges, and leaves dropping what is dead to the driver.
 */
#ifndef LIMNER_RUNTIME_PASSES_PASS_H
#define LIMNER_RUNTIME_PASSES_PASS_H

#include "ops/core/op_facts.h"
#include "runtime/program/program.h"

enum pass_bit {
    PASS_FOLD = 1,
    PASS_NOOP = 2,
    PASS_BATCHNORM = 4, /* another order of arithmetic */
    PASS_PAD = 8,
    PASS_ACTIVATION = 16,
    PASS_LAYOUT = 32, /* another order of arithmetic */
    PASS_INLINE = 64,
    PASS_COMPOSE = 128, /* another order of arithmetic */
    PASS_ALL = 255
};

struct pass_context {
    struct program *program;
    struct graph *graph;
    struct pool *scratch; /* emptied after every pass */
    bool again;           /* set by a pass behind which the first ones may find more to do */
    bool *starved;        /* set when scratch memory is lacking: the pass fails then, whatever it returns */
    int *readers;         /* by value, when the pass began: node inputs and graph outputs that read it */
    int value_count;      /* when the pass began */
    enum dtype *types;    /* by value, as far as they are known; NULL: not asked for */
    size_t tensor_bytes;
    const struct kernels *kernels;
    int threads;
};

struct pass {
    const char *name;
    unsigned bit; /* 0: cannot be switched off */
    status (*run)(struct pass_context *context, struct error *err);
};

/* ---- for the passes ---- */

/* Zeroed memory until the pass ends. Without any, NULL, and the pass fails. */
void *pass_scratch(const struct pass_context *context, size_t count, size_t bytes);
/*
 * The node as its operator sees it when it is asked for facts (ops/core/op_ask.h), until the pass ends. NULL when no
 * operator serves the node or its attributes cannot be read: the program will say why. Without memory, NULL, and the
 * pass fails.
 */
const struct op_call *pass_call(const struct pass_context *context, const struct node *node);
/* The facts of the operator that serves the node. */
const struct op_facts *pass_facts(const struct pass_context *context, const struct node *node);
/* Value of input i; NO_VALUE when it is left out or beyond the list. */
int pass_input(const struct node *node, int i);
/* Constant of input i; NULL when it is left out, no constant, or not of this type. Its data need not be aligned. */
const struct tensor *pass_weight(const struct pass_context *context, const struct node *node, int i, enum dtype dtype);
/* The node has one output, and that alone. */
bool pass_has_one_output(const struct node *node);
/* The node that makes the value, and nothing else, for one single reader; or NULL. */
struct node *pass_only_producer(const struct pass_context *context, int value);
/* The producer makes the reader's output 0 from now on, in place of its own; the reader is dead. */
void pass_absorb(struct pass_context *context, struct node *producer, struct node *reader);
/* A described tensor with heap memory that becomes a new constant value of the graph; *value is its index. */
status pass_new_constant(struct pass_context *context, const char *name, const struct shape *shape, enum dtype dtype,
                         struct tensor *tensor, int *value, struct error *err);
/* The nodes that a pass writes in place of the graph's. */
struct pass_nodes {
    struct node *nodes;
    int count, capacity;
};
/* Appends the node, or a copy whose lists of inputs (at least `inputs` of them) and outputs may be changed. The node in
   the list until the next one is appended; NULL without memory. */
struct node *pass_append(const struct pass_context *context, struct pass_nodes *list, const struct node *node);
struct node *pass_append_copy(const struct pass_context *context, struct pass_nodes *list, const struct node *node,
                              int inputs);
/* Appends a node of the internal domain from one value to another; name: for messages. */
struct node *pass_append_between(const struct pass_context *context, struct pass_nodes *list, const char *op_type,
                                 const char *name, int from, int to);
/* They are the graph's from now on. */
void pass_replace_nodes(const struct pass_context *context, const struct pass_nodes *list);

/* Gives the node this attribute, in place of one of the same name. False without memory. */
bool pass_set_attribute(const struct pass_context *context, struct node *node, const struct attribute *attribute);
bool pass_set_int(const struct pass_context *context, struct node *node, const char *name, int64_t i);

#endif
