#include "onnx/save/saver.h"

void *saver_array(struct saver *saver, size_t count, size_t item_bytes) {
    void *items = pool_array(saver->pool, count, item_bytes);
    if (!items)
        fail_memory(saver->err, "saving");
    return items;
}
