/* What fuzz targets of checkpoints share: everything in a file is read, or refused. */
#ifndef LIMNER_TESTS_FUZZ_READ_CHECKPOINT_H
#define LIMNER_TESTS_FUZZ_READ_CHECKPOINT_H

#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <stdlib.h>

static inline int read_checkpoint(const uint8_t *data, size_t size, const struct checkpoint_limits *limits) {
    struct error err;
    struct checkpoint *checkpoint;
    if (checkpoint_load_memory(data, size, "fuzz", limits, &checkpoint, &err))
        return 0;
    checkpoint_choose(checkpoint, NULL, &err);
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct checkpoint_tensor *tensor = checkpoint_at(checkpoint, i);
        size_t bytes;
        if (!tensor_size(tensor->dtype, &tensor->shape, &bytes))
            abort();
        void *dense = malloc(bytes + 1);
        checkpoint_copy(tensor, dense);
        free(dense);
    }
    checkpoint_close(checkpoint);
    return 0;
}

#endif
