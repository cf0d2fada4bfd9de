/* SequenceProto, OptionalProto and MapProto files: whatever is read is whole. The first byte says which of them. */
#include "base/pool.h"
#include "onnx/load/load.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct load_limits limits = {.tensor_bytes = 1 << 20, .expanded_bytes = 1 << 20};

static void require(bool condition) {
    if (!condition)
        abort();
}

/* Every byte can be read. */
static void check_tensor(const struct tensor *tensor) {
    volatile unsigned char sum = 0;
    require(tensor->bytes == 0 || tensor->data);
    for (size_t i = 0; i < tensor->bytes; i++)
        sum = (unsigned char)(sum + ((const unsigned char *)tensor->data)[i]);
    if (tensor->dtype != DTYPE_STRING)
        return;
    const struct text *texts = tensor->data;
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        for (size_t k = 0; k < texts[i].length; k++)
            sum = (unsigned char)(sum + (unsigned char)texts[i].bytes[k]);
}

static void check(const struct loaded_value *value) {
    require(value->name != NULL);
    if (!dtype_is_boxed(value->tensor.dtype)) {
        check_tensor(&value->tensor);
        return;
    }
    require(value->tensor.dtype != DTYPE_OPTIONAL || value->count <= 1);
    require(value->tensor.dtype != DTYPE_MAP || value->count == 2);
    for (size_t i = 0; i < value->count; i++)
        check(&value->items[i]);
    if (value->tensor.dtype == DTYPE_MAP)
        require(tensor_elements(&value->items[0].tensor) == tensor_elements(&value->items[1].tensor));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum dtype kinds[] = {DTYPE_SEQUENCE, DTYPE_OPTIONAL, DTYPE_MAP};
    struct pool *pool = pool_create();
    struct loaded_value value;
    struct error err = {STATUS_OK, ""};
    require(pool != NULL);
    const enum dtype kind = kinds[size > 0 ? data[0] % 3 : 0];
    if (size > 0 && value_proto_read(data + 1, size - 1, kind, pool, &limits, &value, &err) == STATUS_OK)
        check(&value);
    else
        require(size == 0 || err.message[0]);
    pool_destroy(pool);
    return 0;
}
