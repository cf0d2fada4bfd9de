/* No memory while a model is loaded and made ready, saved, or a tensor read and written: a clean error each time. */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "runtime/limner.h"
#include "tests/support/refuse.h"
#include "tests/support/support.h"
#include "tools/files/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RICH "tests/data/rich.onnx" /* functions, subgraphs, every attribute and element type */
#define EXTERNAL "models/small/inpaint-torchscript17-external/model.onnx"

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM};

static struct byte_buffer read_file(const char *path) {
    struct byte_buffer bytes;
    struct error err;
    if (file_read(path, &bytes, &err))
        fail_msg("%s", err.message);
    return bytes;
}

/* ---- loading ---- */

static status load(void *context, struct error *err) {
    struct onnx_model *model;
    const status code = onnx_load(context, NULL, &model, err);
    if (!code)
        onnx_close(model);
    return code;
}

static void files_are_loaded(void **state) {
    (void)state;
    static const char *const paths[] = {RICH, EXTERNAL, "models/small/edge-torchscript7/model.onnx"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        refuse_each(paths[i], &no_memory, load, (void *)(uintptr_t)paths[i]);
}

static status load_memory(void *context, struct error *err) {
    const struct byte_buffer *bytes = context;
    struct onnx_model *model;
    const status code =
        onnx_load_memory(bytes->data, bytes->size, "models/small/inpaint-torchscript17-external", NULL, &model, err);
    if (!code)
        onnx_close(model);
    return code;
}

static void memory_is_loaded(void **state) {
    (void)state;
    struct byte_buffer rich = read_file(RICH), external = read_file(EXTERNAL);
    refuse_each("rich, from memory", &no_memory, load_memory, &rich);
    refuse_each("external, from memory", &no_memory, load_memory, &external);
    free(rich.data);
    free(external.data);
}

static size_t optimized_nodes(const limner_model *model) {
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    limner_model_get_info(model, &info);
    return info.optimized_count;
}

struct optimizing {
    const char *path;
    size_t nodes; /* when all passes did what they can */
};

/* The graph is sorted, checked and optimised. */
static status make_ready(void *context, struct error *err) {
    const struct optimizing *optimizing = context;
    limner_model *model;
    limner_error error;
    const limner_status code = limner_model_load(optimizing->path, NULL, &model, &error);
    if (!code)
        assert_int_equal(optimized_nodes(model), optimizing->nodes);
    limner_model_close(model);
    return code ? fail(err, (status)code, "%s", error.message) : STATUS_OK;
}

static void models_are_made_ready(void **state) {
    (void)state;
    static const char *const names[] = {"edge-dynamo20-unfolded",     "inpaint-torchscript9",
                                        "keyvalue-dynamo23",          "unet-torchscript17",
                                        "paddedconvolution-dynamo20", "arithmetic-torchscript17",
                                        "batchnorm-dynamo20",         "inpaint-torchscript17-external"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "models/small/%s/model.onnx", names[i]);
        limner_model *model;
        assert_int_equal(limner_model_load(path, NULL, &model, NULL), LIMNER_OK);
        struct optimizing optimizing = {path, optimized_nodes(model)};
        limner_model_close(model);
        refuse_each(names[i], &no_memory, make_ready, &optimizing);
    }
}

/* ---- saving ---- */

struct saving {
    const struct onnx_model *model;
    const char *folder, *path;
    struct save_options options;
    struct byte_buffer expected; /* of the file */
};

static void expect_saved(struct saving *saving) {
    struct byte_buffer bytes = read_file(saving->path);
    assert_int_equal(bytes.size, saving->expected.size);
    assert_memory_equal(bytes.data, saving->expected.data, bytes.size);
    free(bytes.data);
}

static void remove_saved(const struct saving *saving) {
    char data[300];
    snprintf(data, sizeof data, "%s/%s", saving->folder, saving->options.external ? saving->options.external : "none");
    remove(data);
    remove(saving->path);
}

static status save_file(void *context, struct error *err) {
    struct saving *saving = context;
    const status code = onnx_save(saving->model, saving->path, &saving->options, err);
    refuse_pause();
    assert_int_equal(files_in(saving->folder), code ? 0 : saving->options.external ? 2 : 1);
    if (!code)
        expect_saved(saving);
    remove_saved(saving);
    return code;
}

static void refuse_saving(const char *name, struct saving saving) {
    struct error err;
    if (onnx_save(saving.model, saving.path, &saving.options, &err))
        fail_msg("%s", err.message);
    saving.expected = read_file(saving.path);
    remove_saved(&saving);
    refuse_each(name, &no_memory, save_file, &saving);
    free(saving.expected.data);
}

static status save_memory(void *context, struct error *err) {
    void *data = NULL;
    size_t size;
    const status code = onnx_save_memory(context, &data, &size, err);
    free(data);
    return code;
}

static void models_are_saved(void **state) {
    (void)state;
    char *folder = test_folder(), path[256];
    struct onnx_model *rich, *external = NULL;
    struct error err;
    snprintf(path, sizeof path, "%s/saved.onnx", folder);
    if (onnx_load(RICH, NULL, &rich, &err) || onnx_load(EXTERNAL, NULL, &external, &err))
        fail_msg("%s", err.message);
    refuse_each("to memory", &no_memory, save_memory, rich);
    refuse_saving("to a file", (struct saving){.model = rich, .folder = folder, .path = path});
    refuse_saving("to a file and external data",
                  (struct saving){.model = external, .folder = folder, .path = path, .options = {"data", 64}});
    onnx_close(rich);
    onnx_close(external);
    test_folder_remove(folder);
}

/* ---- tensors ---- */

static status pass_tensor(void *context, struct error *err) {
    const struct byte_buffer *bytes = context;
    struct pool *pool = pool_create();
    struct tensor tensor;
    const char *name;
    void *data = NULL;
    size_t size;
    status code = pool ? tensor_proto_read(bytes->data, bytes->size, pool, NULL, &tensor, &name, err)
                       : fail_memory(err, "a pool");
    if (!code)
        code = tensor_proto_write(&tensor, name, &data, &size, err);
    free(data);
    pool_destroy(pool);
    return code;
}

static void tensors_are_read_and_written(void **state) {
    (void)state;
    struct byte_buffer bytes = read_file("models/small/linear-torchscript17/test_data_set_0/input_0.pb");
    refuse_each("a TensorProto", &no_memory, pass_tensor, &bytes);
    free(bytes.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_loaded),
        cmocka_unit_test(memory_is_loaded),
        cmocka_unit_test(models_are_made_ready),
        cmocka_unit_test(models_are_saved),
        cmocka_unit_test(tensors_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
