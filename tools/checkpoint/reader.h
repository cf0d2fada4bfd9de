/* What the parts of the checkpoint reader share. */
#ifndef LIMNER_TOOLS_CHECKPOINT_READER_H
#define LIMNER_TOOLS_CHECKPOINT_READER_H

#include "base/filemap.h"
#include "base/names.h"
#include "tools/checkpoint/checkpoint_tensor.h"
#include "tools/checkpoint/storages.h"
#include "tools/checkpoint/value.h"

/* Of a path, with its closing zero. */
#define PATH_BYTES 1024

/* A dictionary, list or module that holds tensors: its own are those numbered begin..end-1. */
struct tensor_group {
    const char *path;
    bool module; /* a saved torch.nn.Module: names of its parts say nothing about what is meant */
    int parent;  /* number of the group around it, -1 for the outermost */
    size_t begin, end;
    size_t direct; /* how many of them are not in a group below */
};

struct checkpoint {
    struct pool *pool;     /* what stays */
    struct pool *scratch;  /* the pickle's values: until the load ends */
    struct pool *unpacked; /* data of tensors that does not lie in the file as it is; NULL: none yet */
    struct file_map map;
    struct checkpoint_limits limits; /* no zero fields */
    const char *format;

    struct checkpoint_tensor *tensors; /* of the whole file */
    size_t tensor_count, tensor_capacity;
    struct names paths; /* -> index in tensors */
    struct tensor_group *groups;
    size_t group_count, group_capacity;
    struct checkpoint_opaque *opaques;
    size_t opaque_count, opaque_capacity;

    struct checkpoint_tensor *chosen; /* copies with the key set */
    size_t chosen_count;
    const char *chosen_path, *beside;
    struct names keys; /* -> index in chosen */
};

/* Messages of all these do not name the file. */

/* Appends the tensor; its path is copied. Two of one path are an error. */
status checkpoint_add(struct checkpoint *checkpoint, const struct checkpoint_tensor *tensor, struct error *err);
status checkpoint_add_opaque(struct checkpoint *checkpoint, const char *path, const char *what, struct error *err);
/* Memory for unpacked data that lives as long as the checkpoint; NULL after a failure, beyond limits.unpacked_bytes,
 * too. */
void *checkpoint_room(struct checkpoint *checkpoint, size_t bytes, struct error *err);
/* Strides of a tensor whose elements lie side by side in row-major order. */
void checkpoint_dense_strides(struct checkpoint_tensor *tensor);
/* Opens a group within `parent`; its number in *index. */
status checkpoint_open_group(struct checkpoint *checkpoint, bool module, int parent, int *index, struct error *err);
/* Closes it, the last one opened first; forgets it when it holds nothing. */
status checkpoint_close_group(struct checkpoint *checkpoint, int index, const char *path, struct error *err);
/* Text without zero bytes that is UTF-8. */
bool is_clean_text(const char *bytes, size_t length);

#endif
