/* A safetensors file. */
#include "tests/fuzz/read_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct checkpoint_limits limits = {
        .objects = 100000, .entries = 1000, .expanded_bytes = 1 << 16, .skip_checksums = true};
    return read_checkpoint(data, size, &limits);
}
