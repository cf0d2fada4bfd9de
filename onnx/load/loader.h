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

#define OPSETS_MAX 256

#endif
