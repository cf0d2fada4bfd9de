/* What a checkpoint gives, and what it may ask for. */
#ifndef LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_TENSOR_H
#define LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_TENSOR_H

#include "base/tensor.h"

struct checkpoint; /* owns the mapping and all strings */

/* What a file may ask for before anything is allocated. Zero in a field means the default. */
struct checkpoint_limits {
    size_t file_bytes;     /* default 64 GiB */
    size_t pickle_bytes;   /* default 64 MiB: the pickle stream without storages; the header of safetensors */
    size_t objects;        /* default 4,000,000: values on the stack, memo entries, list and dict items */
    int nesting;           /* default 32: dicts within dicts */
    size_t entries;        /* default 100,000: archive entries, storages, tensors */
    size_t expanded_bytes; /* default 1 GiB: of a tensor that repeats elements (stride 0), written out */
    size_t unpacked_bytes; /* default 8 GiB: of compressed archives and NumPy arrays, unpacked */
    bool skip_checksums;   /* do not compare storages of a zip file with their checksums: reads far less */
};

/* One tensor of a checkpoint: a strided view of a storage in the mapped file. */
struct checkpoint_tensor {
    const char *path;          /* every key down to it, joined by '.': "generator.encoder.1.weight"; UTF-8 */
    const char *key;           /* the path below the chosen dictionary (checkpoint_choose), prefixes not stripped */
    enum dtype dtype;          /* never STRING and never a type packed below a byte */
    struct shape shape;        /* its dense size was checked: tensor_size() holds */
    int64_t strides[MAX_RANK]; /* in elements */
    const void *storage;       /* first element of the view (offset applied), any alignment; never NULL */
    size_t storage_bytes;      /* from `storage` to the storage's end; the view was checked to lie within */
};

/* A value that stands where a tensor might, and is none that limner reads. */
struct checkpoint_opaque {
    const char *path;
    const char *what; /* "sparse tensor", "quantized tensor", "argparse.Namespace" */
};

#endif
