/* A pickle with its storages at hand, or with PyTorch's magic number before it a whole file of the older format. */
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/collect_tensors.h"
#include "tools/checkpoint/pickle.h"
#include "tools/checkpoint/reader.h"
#include "tools/checkpoint/view.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t contents[4096];

static status find_storage(void *context, struct tensor_storage *storage, struct error *err) {
    (void)context;
    if (storage->bytes > sizeof contents)
        return fail(err, STATUS_INVALID_MODEL, "storage \"%s\" is too large", storage->key);
    storage->data = contents + sizeof contents - storage->bytes; /* what lies behind is out of bounds */
    return STATUS_OK;
}

/* Reads every element. */
static void read_tensors(const struct checkpoint *checkpoint) {
    struct error err;
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct checkpoint_tensor *tensor = checkpoint_at(checkpoint, i);
        size_t bytes;
        if (!tensor_size(tensor->dtype, &tensor->shape, &bytes))
            abort();
        const int64_t elements = shape_elements(&tensor->shape);
        void *dense = malloc(bytes + (size_t)elements * sizeof(float) + 1);
        checkpoint_copy(tensor, dense);
        checkpoint_copy_float(tensor, dense, &err);
        free(dense);
    }
}

static void read_pickle(const uint8_t *data, size_t size, const struct checkpoint_limits *limits) {
    struct error err;
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    checkpoint->limits = *limits;
    checkpoint->pool = pool_create();
    checkpoint->scratch = pool_create();
    size_t objects = limits->objects;
    struct storages storages = {.limit = limits->entries, .find = find_storage};
    struct pickle pickle = {.data = data,
                            .bytes = size,
                            .objects = &objects,
                            .pool = checkpoint->scratch,
                            .storages = &storages,
                            .err = &err};
    struct pickle_value *top;
    if (!pickle_read(&pickle, &top) && !collect_tensors(checkpoint, top, &storages, &err) &&
        !checkpoint_choose(checkpoint, "", &err)) {
        read_tensors(checkpoint);
        checkpoint_choose(checkpoint, NULL, &err);
    }
    storages_close(&storages);
    checkpoint_close(checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char magic[] = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46";
    static const struct checkpoint_limits limits = {.pickle_bytes = 1 << 20,
                                                    .objects = 100000,
                                                    .nesting = 32,
                                                    .entries = 1000,
                                                    .expanded_bytes = 1 << 16,
                                                    .unpacked_bytes = 1 << 20};
    if (size < 8 || memcmp(data, magic, 8) != 0) {
        read_pickle(data, size, &limits);
        return 0;
    }
    struct error err;
    struct checkpoint *checkpoint;
    if (!checkpoint_load_memory(data, size, "fuzz", &limits, &checkpoint, &err))
        read_tensors(checkpoint);
    checkpoint_close(checkpoint);
    return 0;
}
