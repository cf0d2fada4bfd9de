/* PyTorch checkpoints and safetensors files, read without Python: named tensors and nothing else. */
#ifndef LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H
#define LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H

#include "onnx/pool.h"
#include "onnx/tensor.h"

/* What a file may ask for before anything is allocated. Zero in a field means the default. */
struct checkpoint_limits {
    size_t file_bytes;    /* default 64 GiB */
    size_t pickle_bytes;  /* default 64 MiB: the pickle stream without storages */
    size_t objects;       /* default 1,000,000: values on the stack, memo entries, list and dict items */
    int nesting;          /* default 32: dicts within dicts */
    size_t entries;       /* default 100,000: archive entries, storages, tensors */
};

/* One tensor of a checkpoint: a strided view of a storage in the mapped file. */
struct checkpoint_tensor {
    const char *path;   /* every key down to it, joined by '.': "generator.encoder.1.weight"; UTF-8 */
    const char *key;    /* the path below the chosen dictionary (checkpoint_choose), prefixes not stripped */
    enum dtype dtype;
    struct shape shape;
    int64_t strides[MAX_RANK]; /* in elements */
    const void *storage;       /* first element of the view (offset applied), any alignment */
    size_t storage_bytes;      /* from `storage` to the storage's end; the view was checked to lie within */
};

struct checkpoint; /* owns the mapping and all strings */

/* Loads a PyTorch zip file, a PyTorch pickle of before 1.6, or a safetensors file, told apart by content. */
status checkpoint_load(const char *path, const struct checkpoint_limits *limits, struct checkpoint **out,
                       struct error *err);
/* The same from memory that the caller keeps alive; `name` stands in messages. */
status checkpoint_load_memory(const void *data, size_t bytes, const char *name, const struct checkpoint_limits *limits,
                              struct checkpoint **out, struct error *err);
/* NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);

/* "pytorch zip", "pytorch legacy", "safetensors". */
const char *checkpoint_format(const struct checkpoint *checkpoint);

/*
 * Chooses the dictionary whose tensors count: `wanted` is a dotted path ("generator", "params_ema"), or NULL for a
 * search: the usual names (generator, state_dict, params_ema, params, G, model, ...), else the one dictionary that holds
 * tensors. Several that fit equally: STATUS_INVALID_ARGUMENT lists them and names --key. Without this call every tensor
 * of the file is in.
 */
status checkpoint_choose(struct checkpoint *checkpoint, const char *wanted, struct error *err);
/* The chosen dictionary's path, "" for the whole file. */
const char *checkpoint_chosen(const struct checkpoint *checkpoint);

/* The tensors of the chosen dictionary, in file order. */
size_t checkpoint_count(const struct checkpoint *checkpoint);
const struct checkpoint_tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t i);
/* By key below the chosen dictionary, or NULL. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *key);

/* Copies the view, dense and row-major, into elements*size bytes at destination. */
void checkpoint_copy(const struct checkpoint_tensor *tensor, void *destination);
/* The same as float32 (from float64, float16, bfloat16, float32 and integers); STATUS_UNSUPPORTED for other types. */
status checkpoint_copy_float(const struct checkpoint_tensor *tensor, float *destination, struct error *err);

#endif
