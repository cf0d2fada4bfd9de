/* What tensors a checkpoint holds, and where the model in it is likely to be. */
#ifndef LIMNER_TOOLS_CHECKPOINT_KEY_LIST_H
#define LIMNER_TOOLS_CHECKPOINT_KEY_LIST_H

#include "base/pool.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"

#include <stdio.h>

struct key_list {
    const char *path;
    struct checkpoint *checkpoint; /* with the tensors below `key` chosen; the caller's to close, after errors too */
    const char *usual;             /* what a converter takes without a key, or NULL; not looked for with a key */
    struct error refusal;          /* why there is none */
    uint64_t elements, bytes;      /* of all tensors */
};

/* key: NULL for all of the file. verify: compare storages of a zip file with their checksums. Messages name the file.
 */
status key_list_read(struct key_list *found, const char *path, const char *key, bool verify, struct pool *pool,
                     struct error *err);
/* One line of JSON. */
void key_list_json(const struct key_list *found, FILE *stream);
/* Of a tensor, when its elements lie side by side. */
size_t key_list_bytes(const struct checkpoint_tensor *tensor);

#endif
