/* TensorProto files (.pb): whatever is read is written and read again to the same tensor. */
#include "base/pool.h"
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct load_limits limits = {.tensor_bytes = 1 << 20, .expanded_bytes = 1 << 20};

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_same(const struct tensor *a, const struct tensor *b) {
    require(a->dtype == b->dtype && shape_equal(&a->shape, &b->shape) && a->bytes == b->bytes);
    if (a->dtype != DTYPE_STRING) {
        require(!a->bytes || memcmp(a->data, b->data, a->bytes) == 0);
        return;
    }
    const struct text *first = a->data, *second = b->data;
    for (int64_t i = 0; i < shape_elements(&a->shape); i++)
        require(first[i].length == second[i].length && !memcmp(first[i].bytes, second[i].bytes, first[i].length));
}

/* In memory of its own, so that reading past its end is seen. */
static void write_and_read(const struct tensor *tensor, const char *name, struct pool *pool) {
    struct tensor again;
    struct error err;
    const char *name_again;
    void *bytes;
    size_t size;
    require(tensor_proto_write(tensor, name, &bytes, &size, &err) == STATUS_OK);
    require(tensor_proto_read(bytes, size, pool, &limits, &again, &name_again, &err) == STATUS_OK);
    free(bytes);
    require(strcmp(name, name_again) == 0);
    check_same(tensor, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pool *pool = pool_create();
    struct tensor tensor;
    struct error err = {STATUS_OK, ""};
    const char *name;
    require(pool != NULL);
    if (tensor_proto_read(data, size, pool, &limits, &tensor, &name, &err) == STATUS_OK)
        write_and_read(&tensor, name, pool);
    else
        require(err.message[0]);
    pool_destroy(pool);
    return 0;
}
