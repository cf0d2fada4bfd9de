#include "tools/engine/save_model.h"

#include "onnx/save/save.h"
#include "tools/files/file.h"
#include "tools/files/stream.h"

#include <stdlib.h>
#include <string.h>

static status print_model(const struct onnx_model *model, struct error *err) {
    struct staging staging = {NULL, 0};
    void *data = NULL;
    size_t bytes = 0;
    status code = onnx_save_memory(model, &data, &bytes, err);
    if (!code)
        code = staging_add(&staging, "-", data, bytes, err);
    free(data);
    if (!code)
        code = staging_commit(&staging, err);
    staging_close(&staging);
    return code;
}

status model_save(const struct onnx_model *model, const char *path, bool external, struct pool *pool,
                  struct error *err) {
    const char *slash = strrchr(path, '/');
    struct save_options options = {NULL, 0};
    if (external)
        options.external = pool_format(pool, "%s.data", slash ? slash + 1 : path);
    if (external && !options.external)
        return fail_memory(err, "the model's name");
    return stream_is_standard(path) ? print_model(model, err) : onnx_save(model, path, &options, err);
}
