/* A template as layers: the nodes that take weights, with the places that the weights go to. */
#ifndef LIMNER_TOOLS_CONVERT_LAYERS_H
#define LIMNER_TOOLS_CONVERT_LAYERS_H

#include "onnx/graph.h"
#include "tools/convert/leaf.h"

enum layer_kind {
    LAYER_CONV,
    LAYER_CONV_TRANSPOSE,
    LAYER_LINEAR, /* Gemm or MatMul */
    LAYER_BATCH_NORM,
    LAYER_NORM,    /* instance, layer and group norms: weight and bias, both may be plain constants */
    LAYER_SLOPE,   /* PRelu */
    LAYER_SCALE,   /* Mul by a constant */
    LAYER_SHIFT,   /* Add of a constant */
    LAYER_SPECTRAL /* MatMul of a weight's matrix and its weight_v */
};

/* One input of a node where a weight goes. */
struct weight_slot {
    enum leaf leaf;
    int value;       /* an initializer, or a graph input without a value */
    int node, input; /* which input of which node reads it */
};

/* How a layer's module was found. */
enum pin { PIN_NONE, PIN_MAP, PIN_NAME, PIN_SCOPE, PIN_NEIGHBOUR, PIN_ORDER };

#define LAYER_SLOTS 4

struct layer {
    enum layer_kind kind;
    int node;
    struct weight_slot slots[LAYER_SLOTS];
    int slot_count;
    int weight_root;       /* of a weight that nodes compute: a parameter that it is computed from; of LAYER_SPECTRAL:
                              weight_v;       else -1 */
    int groups;            /* of a convolution */
    bool transposed;       /* a linear layer whose weight stands as [in, out], not as PyTorch's [out, in] */
    const char *scope;     /* path of the module that the exporter noted for the node, or NULL */
    bool scope_is_precise; /* the newer exporter's: of the last module that went into the node */
    bool folded;           /* the newer exporter notes that it folded a batch norm in */
    bool keeps_names;      /* the older exporter's: it gives a folded layer's weights new names */
    /* found by matching */
    int module; /* -1: none */
    enum pin pin;
    int norm;          /* module of the batch norm to fold in, or -1 */
    bool norm_settled; /* norm is certain, -1 too */
    int rank, rank_of; /* PIN_ORDER: the rank-th of so many alike */
};

struct layers {
    struct layer *items; /* in the graph's order */
    int count;
    int *of_node;    /* by node: its layer, or -1 */
    bool *has_norm;  /* by layer: a batch norm node reads its output */
    int *reader;     /* by value: a node that reads it, -1 for none, -2 for several */
    int *slots;      /* by value: how many slots it is in */
    int value_count; /* of these arrays */
};

/* More layers than any network has. */
#define MOST_LAYERS 20000

/* The graph must have been through graph_straighten. Everything lives in the pool. STATUS_LIMIT above MOST_LAYERS. */
status layers_find(const struct graph *graph, struct pool *pool, struct layers *layers, struct error *err);

/* The layer with weights whose output this layer reads first, or NULL. */
struct layer *layer_before(const struct graph *graph, const struct layers *layers, const struct layer *layer);
/* The layer's slot for this leaf, or NULL. */
const struct weight_slot *layer_slot(const struct layer *layer, enum leaf leaf);
/* A layer with weights of two or more dimensions. */
bool layer_has_weights(const struct layer *layer);
/* An initializer, or an input without a value: what could be filled. */
bool value_is_fillable(const struct value *value);
/* Shape of a fillable value; free dimensions are -1. False when it is not declared. */
bool value_shape(const struct value *value, struct shape *shape);
enum dtype value_dtype(const struct value *value);

#endif
