/*
 * Operators that stand for others: what their fact `expand` writes in their place, node by node, as text:
 *
 *     q k = Split{axis=-1 num_outputs=2}(#0); m = Mul(q 0.5f); >0 = @BiasGelu{*}(m #1); y = &score_mod(m)
 *
 * Outputs, `=`, the operator, its attributes, its inputs. `#1` is the node's input 1, `>0` its output 0, any other word
 * a name that later statements know, `d*` all names that begin with d, `-` a missing input. `2` and `[1,-1]` are int64
 * constants, `0.5f` a float one; attributes are integers, lists of them, floats (with an f) or words; `*` takes the
 * node's attributes, but for `own`. `@` is an operator of com.microsoft, `!` one of the internal domain, `&` the node's
 * subgraph of that name, which has one input and one output. Commas are spaces. Operators of ONNX's own are those of
 * WRITE_OPSET, or of another one: `GridSample:16`.
 */
#ifndef LIMNER_OPS_CORE_OP_WRITE_H
#define LIMNER_OPS_CORE_OP_WRITE_H

#include "ops/core/op.h"

#define WRITE_OPSET 21
#define WRITE_NAMES 64 /* for each node, and WRITE_MORE_NAMES for each input that it has */
#define WRITE_MORE_NAMES 8
#define WRITE_ATTRIBUTES 16 /* of a node, beside those of the node that stands for it */

struct written_name {
    const char *name;
    int value;
};

struct op_writer {
    struct pool *pool; /* where nodes and their texts live */
    const struct op_call *call;
    const char *const *own; /* attributes that `*` leaves out, NULL behind the last one; NULL: none */
    void *context;
    int (*add_value)(void *context, const char *name); /* NO_VALUE without memory */
    bool (*add_node)(void *context, const struct node *node);
    /* The value that the node's subgraph makes of `given`; NO_VALUE without memory. */
    int (*add_graph)(void *context, const char *attribute, int given);
    /* Node i of those before the node, which stand for others no more, as an operator that is asked for facts sees it;
       NULL beyond them. */
    const struct op_call *(*made)(void *context, int i);
    struct written_name *names; /* name_capacity of them */
    int name_count, name_capacity;
    int *inputs;                  /* likewise: of the node that is being written; */
    struct attribute *attributes; /* WRITE_ATTRIBUTES + those of the node: likewise */
};

/* Writes the statements of a printf-style text, which is part of the program and right. STATUS_NO_MEMORY. */
status op_write(struct op_writer *writer, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For operators that always stand for the same: op->row is such a text, of the attributes named, between spaces. */
struct op_text {
    const char *text, *attributes;
};
status op_text_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
status op_text_expand(struct op_writer *writer, struct error *err);
/* Marks attributes as known, between spaces, which are read by those that the node stands for. */
void op_write_later(struct attributes *attributes, const char *names);

/* infer() and run() of such operators: nodes of theirs are gone before they are asked. */
status op_expanded(struct op_call *call, struct error *err);

#endif
