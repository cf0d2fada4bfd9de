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

/*
 * Loads the file at path. Large raw tensors stay where they lie in the mapped file (or external data file); limits
 * may be NULL. The caller closes *out with onnx_close. Calls of model-local functions are expanded.
 */
status onnx_load(const char *path, const struct load_limits *limits, struct onnx_model **out, struct error *err);
/*
 * The same from memory, which the caller keeps alive and unchanged until onnx_close. folder is where external data
 * lies; NULL means that external data is an error.
 */
status onnx_load_memory(const void *data, size_t bytes, const char *folder, const struct load_limits *limits,
                        struct onnx_model **out, struct error *err);
/* NULL is allowed. */
void onnx_close(struct onnx_model *model);

/* Version of the domain that the model imports, or 0. */
int64_t onnx_opset(const struct onnx_model *model, const char *domain);

/* Where and how onnx_save puts the weights. */
struct save_options {
    const char *external; /* file name beside the model for raw data of tensors >= external_from, or NULL */
    size_t external_from; /* bytes; 0 means 1024 */
};

/*
 * Writes the model to path: temporary file beside it, then rename, so that a failed save leaves nothing. What is saved
 * loads to the same meaning: same graph, types, attributes, metadata, tensors bit for bit.
 */
status onnx_save(const struct onnx_model *model, const char *path, const struct save_options *options,
                 struct error *err);
/* The same into memory (no external data); *data is the caller's to free(). */
status onnx_save_memory(const struct onnx_model *model, void **data, size_t *bytes, struct error *err);

/* One TensorProto, as ONNX's test_data_set folders hold them. *name (may be "") and the data live in the pool. */
status tensor_proto_read(const void *bytes, size_t size, struct pool *pool, const struct load_limits *limits,
                         struct tensor *out, const char **name, struct error *err);
/* *data is the caller's to free(). */
status tensor_proto_write(const struct tensor *tensor, const char *name, void **data, size_t *bytes, struct error *err);

#endif
