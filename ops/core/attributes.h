/*
 * Attributes as an operator's parse() reads them. What is not asked for fails the load. (onnx/graph.h has
 * node_attribute() and its like, for those who look at a graph.)
 */
#ifndef LIMNER_OPS_CORE_ATTRIBUTES_H
#define LIMNER_OPS_CORE_ATTRIBUTES_H

#include "onnx/graph.h"
#include "ops/core/op.h"

#define MAX_ATTRIBUTES 64

struct attributes {
    const struct node *node;
    struct error *err;
    status code;   /* of the first error */
    uint64_t read; /* bit i: the node's i-th attribute was asked for */
};

/* Checks the node's attributes: parses them into params, reports wrong types, bad values and unread attributes. */
status op_parse(const struct op_call *call, void *params, struct error *err);
/* The attribute reader: remembers what was read, keeps the first error. Defaults serve when the attribute is absent. */
bool attribute_has(const struct attributes *attributes, const char *name);
int64_t attribute_int(struct attributes *attributes, const char *name, int64_t fallback);
float attribute_float(struct attributes *attributes, const char *name, float fallback);
/* The text lives as long as the model. */
const char *attribute_text(struct attributes *attributes, const char *name, const char *fallback);
/* Copies at most capacity numbers, *count = how many there are (0 when absent); too many is an error. */
void attribute_ints(struct attributes *attributes, const char *name, int64_t *values, int capacity, int *count);
/* Views; NULL and 0 when absent. */
const int64_t *attribute_int_list(struct attributes *attributes, const char *name, size_t *count);
const float *attribute_floats(struct attributes *attributes, const char *name, size_t *count);
const struct text *attribute_texts(struct attributes *attributes, const char *name, size_t *count);
const struct tensor *attribute_tensor(struct attributes *attributes, const char *name);
/* A subgraph; one that is not there is an error, and NULL. */
const struct graph *attribute_graph(struct attributes *attributes, const char *name);
/* Index of the attribute's text in a NULL-terminated list; anything else is an error that lists the choices. */
int attribute_choice(struct attributes *attributes, const char *name, const char *const *choices, int fallback);
/* Marks an attribute as known although its value does not matter (old spellings such as "consumed_inputs"). */
void attribute_ignore(struct attributes *attributes, const char *name);

#endif
