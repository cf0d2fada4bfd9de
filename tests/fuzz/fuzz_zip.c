/* A PyTorch zip file. The seeds have no checksums: a fuzzer cannot mend them. */
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct checkpoint_limits limits = {.objects = 100000,
                                                    .entries = 1000,
                                                    .expanded_bytes = 1 << 16,
                                                    .unpacked_bytes = 1 << 20,
                                                    .skip_checksums = true};
    struct error err;
    struct checkpoint *checkpoint;
    if (checkpoint_load_memory(data, size, "fuzz", &limits, &checkpoint, &err))
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
