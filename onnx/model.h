/* A model file: load, save, and what stands around the graph. */
#ifndef LIMNER_ONNX_MODEL_H
#define LIMNER_ONNX_MODEL_H

#include "onnx/graph.h"

/* The versions of the ONNX intermediate representation that are read and written. */
#define IR_OLDEST 3
#define IR_NEWEST 14

/* What a file may ask for before anything is allocated. Zero in a field means the default. */
struct load_limits {
    size_t model_bytes;    /* default 1 TiB: the .onnx file */
    size_t skeleton_bytes; /* default 512 MiB: the file without raw_data */
    size_t tensor_bytes;   /* default 64 GiB: one tensor */
    size_t expanded_bytes; /* default 2 GiB: heap taken by tensors that are not stored raw */
    size_t tensors;        /* default 1,000,000 */
    size_t nodes;          /* default 1,000,000 */
    size_t values;         /* default 4,000,000 */
    int nesting;           /* default 16 levels of subgraphs */
};

struct file_map; /* a mapped file */

/* A model as its file says it. Immutable after load. */
struct onnx_model {
    struct pool *pool;
    int64_t ir_version;
    const char *producer_name, *producer_version, *domain, *doc;
    int64_t model_version;
    struct opset *opsets;
    int opset_count;
    struct metadata *metadata;
    int metadata_count;
    struct graph *graph;
    struct file_map **maps; /* the model file and its external data */
    int map_count;
    size_t file_bytes; /* the .onnx file and its external data */
};

/* Where and how onnx_save puts the weights. */
struct save_options {
    const char *external; /* file name beside the model for raw data of tensors >= external_from, or NULL */
    size_t external_from; /* bytes; 0 means 1024 */
};

/* Version of the domain that the model imports, or 0. */
int64_t onnx_opset(const struct onnx_model *model, const char *domain);

#endif
