/* PyTorch checkpoints and safetensors files, read without Python: named tensors and nothing else. */
#ifndef LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H
#define LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H

#include "base/pool.h"
#include "base/tensor.h"

/* What a file may ask for before anything is allocated. Zero in a field means the default. */
struct checkpoint_limits {
    size_t file_bytes;     /* default 64 GiB */
    size_t pickle_bytes;   /* default 64 MiB: the pickle stream without storages; the header of safetensors */
    size_t objects;        /* default 4,000,000: values on the stack, memo entries, list and dict items */
    int nesting;           /* default 32: dicts within dicts */
    size_t entries;        /* default 100,000: archive entries, storages, tensors */
    size_t expanded_bytes; /* default 1 GiB: of a tensor that repeats elements (stride 0), written out */
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

struct checkpoint; /* owns the mapping and all strings */

/*
 * Loads a PyTorch zip file, a PyTorch pickle of before 1.6, or a safetensors file, told apart by content. Nothing of it
 * is ever run. A saved module (not its state_dict) is read as the state_dict it would give. Messages begin with the
 * file's name.
 */
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
 * Chooses the dictionary whose tensors count. `wanted` is a dotted path ("generator", "state_dict.netG"): of a
 * dictionary, or of the first part of flat keys; "" or "." is the whole file. NULL searches from the top: where exactly
 * one dictionary has a usual name (generator, state_dict, params_ema before params, G, model, netG, ema, ...) it is
 * taken, else one that holds tensors itself, else the only one with tensors below it that is not an optimizer's or a
 * discriminator's. Several that fit equally: STATUS_INVALID_ARGUMENT lists them and names --key, and the choice before
 * stays. Without this call every tensor of the file is in. Pointers from checkpoint_at and checkpoint_find end here.
 */
status checkpoint_choose(struct checkpoint *checkpoint, const char *wanted, struct error *err);
/* The chosen dictionary's path, "" for the whole file. */
const char *checkpoint_chosen(const struct checkpoint *checkpoint);

/* The tensors of the chosen dictionary, in the order of the file (safetensors files are sorted by whoever wrote them,
   not in the order of the model). */
size_t checkpoint_count(const struct checkpoint *checkpoint);
const struct checkpoint_tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t i);
/* By key below the chosen dictionary, or NULL. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *key);
/* Every chosen key begins with this text and has more behind it ("module." after DataParallel); false without keys. */
bool checkpoint_all_begin(const struct checkpoint *checkpoint, const char *prefix);

/* What could not be read as a tensor, in the whole file; of a list, only the first such item. */
size_t checkpoint_opaque_count(const struct checkpoint *checkpoint);
const struct checkpoint_opaque *checkpoint_opaque_at(const struct checkpoint *checkpoint, size_t i);

/* Copies the view, dense and row-major, into elements*size bytes at destination. */
void checkpoint_copy(const struct checkpoint_tensor *tensor, void *destination);
/* The same as float32 (from float64, float16, bfloat16, float32 and integers); STATUS_UNSUPPORTED for other types. */
status checkpoint_copy_float(const struct checkpoint_tensor *tensor, float *destination, struct error *err);

#endif
