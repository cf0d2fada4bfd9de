/* What the parts of the loader share: from protobuf-c's messages to struct graph. */
#ifndef LIMNER_ONNX_LOAD_LOADER_H
#define LIMNER_ONNX_LOAD_LOADER_H

#include "base/names.h"
#include "onnx.pb-c.h"
#include "onnx/load/external.h"
#include "onnx/load/scan.h"
#include "onnx/model.h"

/* For names in messages: quoted, and cut when they are absurdly long. */
#define QUOTED "\"%.200s\""

/* A model-local function. */
struct function {
    const Onnx__FunctionProto *proto;
    const char *title;     /* "domain.name" for messages */
    struct names outputs;  /* formal output -> its position */
    struct names defaults; /* attribute with a default -> its position */
    bool checked;          /* its operator set imports were compared with the model's */
};

/* One load. */
struct loader {
    struct onnx_model *model;  /* NULL when a lone TensorProto is read */
    struct pool *pool;         /* what stays */
    struct pool *scratch;      /* what goes when the load ends */
    struct load_limits limits; /* no zero fields */
    struct external_files files;
    bool copy_raw; /* raw data must not stay where it lies */
    struct function *functions;
    int function_count;
    struct names function_ids; /* function_id() -> index in functions */
    struct names used;         /* every value name of the file and every generated one; kept when there are functions */
    size_t nodes, values, expanded, generated;
    int graphs, calls; /* how deep this place lies in subgraphs and function calls */
    struct error *err;
};

/* A function's body put in the place of a call. */
struct instance {
    const struct function *function;
    const struct instance *caller;      /* the instance whose body holds the call, or NULL */
    struct graph *graph;                /* where the body goes */
    const char *prefix;                 /* of generated names */
    const struct attribute *attributes; /* of the call */
    int attribute_count;
    struct names attribute_names; /* -> index in attributes */
    const int *outputs;           /* of the call: values of graph, or NO_VALUE */
    int output_count;
};

/* Where names are looked up: one graph, or one function body within a graph. */
struct scope {
    struct graph *graph;
    struct scope *outer; /* of a subgraph: the scope around it; NULL for the model's graph and for function bodies */
    const struct instance *instance; /* NULL outside of function bodies */
    struct names names;              /* name in the file -> index in graph->values, or NO_VALUE */
    struct names captures;           /* index in the outer graph, as its value's name -> index in graph->values */
};

/* ---- load_tensor.c, load_sparse.c ---- */

/* Raw data is looked for in maps[0] of loader->files. */
status load_tensor(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out);
/* Element type and shape only. */
status load_tensor_shape(struct loader *loader, int32_t data_type, size_t rank, const int64_t *dims,
                         struct tensor *out);
/* Zeroed (for texts: empty) elements for a described tensor, paid from limits.expanded_bytes. */
status load_tensor_room(struct loader *loader, struct tensor *tensor);
status load_sparse(struct loader *loader, const Onnx__SparseTensorProto *proto, struct tensor *out);

/* ---- load_type.c ---- */

/* type may be NULL: nothing declared. */
status load_type(struct loader *loader, const Onnx__TypeProto *type, struct declared_type *out);
/* The message as bytes in the pool. */
status load_encoded(struct loader *loader, const ProtobufCMessage *message, struct text *out);

/* ---- load_scope.c ---- */

/* "" for NULL. */
const char *load_or_empty(const char *text);
status load_string(struct loader *loader, const char *text, const char **out);
/* NULL for absent and empty texts. */
status load_doc(struct loader *loader, const char *text, const char **out);
status load_metadata(struct loader *loader, size_t count, Onnx__StringStringEntryProto *const *entries,
                     struct metadata **out, int *out_count);

/* Adds a value under this name, which may not be there yet. In a function's body, and in the subgraphs there, the value
   itself gets a made-up name that is unique in the model. */
status scope_define(struct loader *loader, struct scope *scope, const char *name, int *index);
/* Index of the name, captured from the scopes around when it is not here; NAME_ABSENT when it is nowhere. */
status scope_find(struct loader *loader, struct scope *scope, const char *name, int *index);
void scope_close(struct scope *scope);
/* STATUS_LIMIT when the graph has taken too much memory. */
status load_check_memory(struct loader *loader);

/* ---- load_attribute.c ---- */

status load_attribute(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                      struct attribute *out);
/* All attributes of a node, references to the attributes of the function call resolved. */
status load_attributes(struct loader *loader, struct scope *scope, const Onnx__NodeProto *proto, struct attribute **out,
                       int *count);

/* ---- load_graph.c ---- */

/* outer: NULL for the model's own graph. */
status load_graph(struct loader *loader, const Onnx__GraphProto *proto, struct scope *outer, const struct graph **out);
/* Values for the nodes' outputs; in function bodies, an output of the function stands for the caller's value. */
status load_node_outputs(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes);
/* The nodes, calls of functions expanded. */
status load_nodes(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes);
/* Indices of the named values; names that are nowhere are an error. what: "input" or "output". */
status load_edges(struct loader *loader, struct scope *scope, const char *what, size_t count, char *const *names,
                  int **out);
/* Counts one more node against the limit, and looks at the memory taken so far. */
status load_count_node(struct loader *loader);
/* Appends the node. */
status load_add_node(struct loader *loader, struct scope *scope, const struct node *node);

/* ---- load.c ---- */

#define OPSETS_MAX 256

/* Adds an operator set to the model; two versions of one domain are an error. */
status load_opset(struct loader *loader, const char *domain, int64_t version);

/* ---- load_function.c ---- */

status load_functions(struct loader *loader, const Onnx__ModelProto *proto);
void load_functions_close(struct loader *loader);
/* The function that the node calls, or NULL. */
status load_find_function(struct loader *loader, const Onnx__NodeProto *node, struct function **out);
status load_call(struct loader *loader, struct scope *scope, const Onnx__NodeProto *node, struct function *function);

#endif
