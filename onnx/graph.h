/*
 * What a model is: nodes and the values between them. Names are resolved to indices once, at load.
 * Everything hangs on the model's pool and is immutable after load, except in graphs that a pass copied for itself.
 */
#ifndef LIMNER_ONNX_GRAPH_H
#define LIMNER_ONNX_GRAPH_H

#include "base/pool.h"
#include "base/tensor.h"

#define NO_VALUE (-1) /* an optional input or output that is left out */

/* ONNX AttributeProto.AttributeType, same numbers. */
enum attribute_type {
    ATTRIBUTE_UNDEFINED = 0,
    ATTRIBUTE_FLOAT = 1,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_STRING = 3,
    ATTRIBUTE_TENSOR = 4,
    ATTRIBUTE_GRAPH = 5,
    ATTRIBUTE_FLOATS = 6,
    ATTRIBUTE_INTS = 7,
    ATTRIBUTE_STRINGS = 8,
    ATTRIBUTE_TENSORS = 9,
    ATTRIBUTE_GRAPHS = 10,
    ATTRIBUTE_SPARSE_TENSOR = 11,
    ATTRIBUTE_SPARSE_TENSORS = 12,
    ATTRIBUTE_TYPE_PROTO = 13,
    ATTRIBUTE_TYPE_PROTOS = 14
};

struct graph;
struct metadata;

struct attribute {
    const char *name;
    const char *reference; /* ref_attr_name inside a function body, else NULL */
    enum attribute_type type;
    size_t count; /* entries of the list types; 1 for the single ones */
    union {
        float f;
        int64_t i;
        struct text s; /* TYPE_PROTO: the message's bytes; TYPE_PROTOS: likewise in strings */
        const struct tensor *tensor;
        const struct graph *graph;
        const float *floats;
        const int64_t *ints;
        const struct text *strings;
        const struct tensor *tensors;
        const struct graph *const *graphs;
    };
};

struct node {
    const char *name; /* "" when the file gives none */
    const char *op_type;
    const char *domain;   /* "" for ONNX's own; "ai.onnx" is folded into "" */
    const char *overload; /* of a function's name; "" as a rule */
    int64_t opset;        /* version of the domain, where it is another one than the model imports; else 0 */
    int *inputs;          /* indices into graph.values, NO_VALUE where left out */
    int input_count;
    int captured_count; /* of the inputs, the last ones: what the node's subgraphs read, or its attributes name; 0 in a
                           model, see program_graph() */
    int *outputs;
    int output_count;
    struct attribute *attributes;
    int attribute_count;
    const char *doc;           /* NULL without */
    struct metadata *metadata; /* metadata_props */
    int metadata_count;
};

/* One dimension of a declared type: a size, or a name ("batch"), or neither (size -1, name NULL). */
struct dim {
    int64_t size; /* -1 when not fixed */
    const char *name;
};

/* What the file says of a value. */
struct declared_type {
    enum dtype dtype;    /* DTYPE_SEQUENCE, OPTIONAL or MAP for one of those; DTYPE_UNDEFINED when not said */
    const char *other;   /* "sequence", "map", "optional", "sparse tensor", "opaque" when it is no tensor, else NULL */
    struct text encoded; /* the TypeProto's bytes when `other` is set, so that saving keeps it */
    int rank;            /* -1 when not said */
    struct dim dims[MAX_RANK];
    const struct declared_type
        *item;      /* of a sequence's or an optional's items, of a map's values; NULL when not said */
    enum dtype key; /* of a map */
};

/* "seq(tensor(float))", "map(int64,tensor(float))" into text, as ONNX writes types; returns text. */
#define DECLARED_TEXT_BYTES 128
const char *declared_text(const struct declared_type *type, char text[DECLARED_TEXT_BYTES]);

/* A named edge of the graph. Exactly one of: graph input, output of a node, initializer, captured from outside. */
struct value {
    const char *name;
    struct declared_type type;
    const struct tensor *initializer; /* NULL without one */
    int producer;                     /* index of the node that makes it, or -1 */
    bool is_input;                    /* listed in graph.inputs (an initializer may be, then it is the default) */
    bool is_output;
    bool is_captured; /* a subgraph's name from the graph around it */
    const char *doc;
};

struct graph {
    const char *name;
    const char *doc;
    struct value *values;
    int value_count, value_capacity;
    struct node *nodes; /* in an order in which every value is made before it is used */
    int node_count, node_capacity;
    int *inputs; /* as the file lists them, initializers included */
    int input_count;
    int *outputs;
    int output_count;
    struct metadata *metadata; /* metadata_props */
    int metadata_count;
};

struct opset {
    const char *domain;
    int64_t version;
};

struct metadata {
    const char *key, *value;
};

/* The domain name as limner compares it: "" for both "" and "ai.onnx". */
const char *domain_canonical(const char *domain);

/* Index of the value with this name, or -1. */
int graph_find_value(const struct graph *graph, const char *name);

/*
 * A copy whose arrays (nodes, values, inputs, outputs, each node's input and output lists and attribute array) may be
 * changed; names, tensors and attribute payloads are shared with the original, whose pool must outlive the copy.
 */
struct graph *graph_copy(const struct graph *graph, struct pool *pool);
/*
 * Appends a value (the name is copied; producer -1, rank -1, else zeroed) / a copy of the node; index, or -1 without
 * memory. Invalidates pointers into the array.
 */
int graph_add_value(struct graph *graph, struct pool *pool, const char *name);
int graph_add_node(struct graph *graph, struct pool *pool, const struct node *node);

/* Inputs of the node itself, without those that its subgraphs read. */
static inline int node_arguments(const struct node *node) {
    return node->input_count - node->captured_count;
}
/* The node's attribute of that name, or NULL. */
const struct attribute *node_attribute(const struct node *node, const char *name);
/* The same as a value; fallback where it is missing or of another type. */
int64_t node_int(const struct node *node, const char *name, int64_t fallback);
float node_float(const struct node *node, const char *name, float fallback);
/* Never NULL when fallback is not. */
const char *node_text(const struct node *node, const char *name, const char *fallback);

#endif
