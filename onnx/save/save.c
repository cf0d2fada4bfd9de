#include "onnx/save/save.h"

#include "onnx/save/save_graph.h"
#include "onnx/save/save_tensor.h"
#include "onnx/save/saver.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define EXTERNAL_FROM 1024

static status make_model(struct saver *saver, const struct onnx_model *model, Onnx__ModelProto **out) {
    if (model->ir_version < IR_OLDEST || model->ir_version > IR_NEWEST || model->opset_count < 1 || !model->graph)
        return fail(saver->err, STATUS_INVALID_ARGUMENT,
                    "a model to save needs a graph, an operator set and an IR version from %d to %d", IR_OLDEST,
                    IR_NEWEST);
    NEW_MESSAGE(out, Onnx__ModelProto, onnx__model_proto__init);
    Onnx__ModelProto *proto = *out;
    proto->has_ir_version = proto->has_model_version = true;
    proto->ir_version = model->ir_version;
    proto->model_version = model->model_version;
    proto->producer_name = unconst(model->producer_name);
    proto->producer_version = unconst(model->producer_version);
    proto->domain = unconst(model->domain);
    proto->doc_string = unconst(model->doc);
    proto->opset_import = saver_array(saver, (size_t)model->opset_count, sizeof *proto->opset_import);
    if (!proto->opset_import)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < model->opset_count; i++) {
        Onnx__OperatorSetIdProto **opset = &proto->opset_import[proto->n_opset_import++];
        NEW_MESSAGE(opset, Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
        (*opset)->domain = unconst(model->opsets[i].domain);
        (*opset)->has_version = true;
        (*opset)->version = model->opsets[i].version;
    }
    const status result =
        save_metadata(saver, model->metadata, model->metadata_count, &proto->metadata_props, &proto->n_metadata_props);
    return result == STATUS_OK ? save_graph(saver, model->graph, &proto->graph) : result;
}

/* A protobuf message cannot be longer. */
static status check_size(size_t bytes, struct error *err) {
    if (bytes <= INT_MAX)
        return STATUS_OK;
    return fail(err, STATUS_LIMIT,
                "the model takes %zu bytes and a .onnx file holds at most 2 GiB; save its weights as external data",
                bytes);
}

status onnx_save_memory(const struct onnx_model *model, void **data, size_t *bytes, struct error *err) {
    struct saver saver = {.pool = pool_create(), .err = err};
    Onnx__ModelProto *proto = NULL;
    void *packed = NULL;
    status result = saver.pool ? make_model(&saver, model, &proto) : fail_memory(err, "saving the model");
    if (result == STATUS_OK) {
        *bytes = onnx__model_proto__get_packed_size(proto);
        result = check_size(*bytes, err);
    }
    if (result == STATUS_OK) {
        packed = malloc(*bytes);
        result = packed ? STATUS_OK : fail_memory(err, "saving the model");
    }
    if (result == STATUS_OK) {
        onnx__model_proto__pack(proto, packed);
        *data = packed;
    }
    pool_destroy(saver.pool);
    return result;
}

/* ---- files ---- */

/* A protobuf-c buffer that writes to a file. */
struct file_buffer {
    ProtobufCBuffer base;
    struct output *output;
};

static void append_to_file(ProtobufCBuffer *buffer, size_t count, const uint8_t *bytes) {
    output_write(((struct file_buffer *)buffer)->output, bytes, count);
}

static status check_external(const char *path, const char *external, struct error *err) {
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (!*external || strchr(external, '/') || strcmp(external, ".") == 0 || strcmp(external, "..") == 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "\"%.200s\" is not a file name for external data", external);
    if (strcmp(base, external) == 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "the external data needs another name than the model, \"%.200s\"",
                    external);
    return STATUS_OK;
}

static status open_weights(struct saver *saver, const char *path, struct output *weights) {
    const status result = check_external(path, saver->external, saver->err);
    if (result != STATUS_OK)
        return result;
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    const char *full = pool_format(saver->pool, "%.*s%s", folder, path, saver->external);
    saver->weights = weights;
    return full ? output_open(weights, full, saver->err) : fail_memory(saver->err, "saving the model");
}

/* Writes both files to their temporary places. */
static status write_files(struct saver *saver, const struct onnx_model *model, const char *path, struct output *weights,
                          struct output *file) {
    Onnx__ModelProto *proto = NULL;
    status result = saver->external ? open_weights(saver, path, weights) : STATUS_OK;
    if (result == STATUS_OK)
        result = make_model(saver, model, &proto);
    if (result == STATUS_OK && saver->external)
        result = output_close(weights, saver->err);
    if (result == STATUS_OK)
        result = check_size(onnx__model_proto__get_packed_size(proto), saver->err);
    if (result == STATUS_OK)
        result = output_open(file, path, saver->err);
    if (result != STATUS_OK)
        return result;
    struct file_buffer buffer = {.base.append = append_to_file, .output = file};
    onnx__model_proto__pack_to_buffer(proto, &buffer.base);
    return output_close(file, saver->err);
}

status onnx_save(const struct onnx_model *model, const char *path, const struct save_options *options,
                 struct error *err) {
    struct output weights = {.fd = -1}, file = {.fd = -1};
    struct saver saver = {.pool = pool_create(), .err = err};
    if (options && options->external) {
        saver.external = options->external;
        saver.external_from = options->external_from ? options->external_from : EXTERNAL_FROM;
    }
    status result =
        saver.pool ? write_files(&saver, model, path, &weights, &file) : fail_memory(err, "saving the model");
    if (result == STATUS_OK && saver.external)
        result = output_commit(&weights, err);
    if (result == STATUS_OK)
        result = output_commit(&file, err);
    if (result != STATUS_OK)
        output_undo(&weights);
    output_discard(&weights);
    output_discard(&file);
    pool_destroy(saver.pool);
    return result;
}

status tensor_proto_write(const struct tensor *tensor, const char *name, void **data, size_t *bytes,
                          struct error *err) {
    struct saver saver = {.pool = pool_create(), .err = err};
    Onnx__TensorProto *proto = NULL;
    status result =
        saver.pool ? save_tensor(&saver, tensor, name ? name : "", false, &proto) : fail_memory(err, "saving a tensor");
    if (result == STATUS_OK) {
        *bytes = onnx__tensor_proto__get_packed_size(proto);
        *data = malloc(*bytes ? *bytes : 1);
        if (*data)
            onnx__tensor_proto__pack(proto, *data);
        else
            result = fail_memory(err, "saving a tensor");
    }
    pool_destroy(saver.pool);
    return result;
}
