#include "onnx/load/load.h"

#include "base/beneath.h"
#include "base/recognise.h"
#include "onnx/load/limits.h"
#include "onnx/load/load_function.h"
#include "onnx/load/load_graph.h"
#include "onnx/load/load_scope.h"
#include "onnx/load/load_value.h"
#include "onnx/load/loader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the model around the graph ---- */

static status load_opsets(struct loader *loader, const Onnx__ModelProto *proto) {
    if (proto->n_opset_import == 0)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "the model imports no operator set (opset_import), so its operators mean nothing");
    loader->model->opsets = pool_array(loader->pool, OPSETS_MAX, sizeof *loader->model->opsets);
    if (!loader->model->opsets)
        return fail_memory(loader->err, "operator sets");
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const status result =
            load_opset(loader, load_or_empty(proto->opset_import[i]->domain), proto->opset_import[i]->version);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_header(struct loader *loader, const Onnx__ModelProto *proto) {
    struct onnx_model *model = loader->model;
    model->ir_version = proto->ir_version;
    model->model_version = proto->model_version;
    status result = load_string(loader, proto->producer_name, &model->producer_name);
    if (result == STATUS_OK)
        result = load_string(loader, proto->producer_version, &model->producer_version);
    if (result == STATUS_OK)
        result = load_string(loader, proto->domain, &model->domain);
    if (result == STATUS_OK)
        result = load_string(loader, proto->doc_string, &model->doc);
    if (result == STATUS_OK)
        result = load_metadata(loader, proto->n_metadata_props, proto->metadata_props, &model->metadata,
                               &model->metadata_count);
    return result == STATUS_OK ? load_opsets(loader, proto) : result;
}

static status check_model(struct loader *loader, const Onnx__ModelProto *proto) {
    struct error *err = loader->err;
    if (!proto->graph)
        return fail(err, STATUS_INVALID_MODEL, "the model has no graph: this is not an ONNX file, or it is cut off");
    if (!proto->has_ir_version)
        return fail(err, STATUS_INVALID_MODEL,
                    "the model has no ir_version: this is not an ONNX file, or it is cut off");
    if (proto->ir_version < IR_OLDEST || proto->ir_version > IR_NEWEST)
        return fail(err, STATUS_UNSUPPORTED, "the model has IR version %" PRId64 ", limner reads %d to %d",
                    proto->ir_version, IR_OLDEST, IR_NEWEST);
    if (proto->graph->n_output == 0)
        return fail(err, STATUS_INVALID_MODEL, "the graph has no outputs");
    return STATUS_OK;
}

static status convert_model(struct loader *loader, const Onnx__ModelProto *proto) {
    const struct graph *graph = NULL;
    status result = check_model(loader, proto);
    if (result == STATUS_OK)
        result = load_header(loader, proto);
    if (result == STATUS_OK)
        result = load_functions(loader, proto);
    if (result == STATUS_OK)
        result = load_graph(loader, proto->graph, NULL, &graph);
    loader->model->graph = (struct graph *)(uintptr_t)graph;
    return result;
}

/* ---- from bytes to messages ---- */

/* Scans and unpacks; *message is freed with protobuf_c_message_free_unpacked. */
static status unpack(struct loader *loader, const ProtobufCMessageDescriptor *type, ProtobufCMessage **message) {
    const struct file_map *file = loader->files.maps[0];
    uint8_t *skeleton = NULL;
    size_t size = 0;
    if (file->bytes == 0)
        return fail(loader->err, STATUS_INVALID_MODEL, "the file is empty");
    const status result = wire_scan(file->data, file->bytes, type, &loader->limits, &skeleton, &size, loader->err);
    if (result != STATUS_OK)
        return result;
    *message = protobuf_c_message_unpack(type, NULL, size, skeleton);
    free(skeleton);
    return *message ? STATUS_OK : fail_memory(loader->err, "the model's messages");
}

static status open_loader(struct loader *loader, const struct load_limits *limits, struct pool *pool) {
    loader->limits = limits_filled(limits);
    loader->pool = pool;
    loader->scratch = pool_create();
    loader->files.pool = pool;
    loader->files.max_bytes = SIZE_MAX;
    loader->files.folder_fd = -1;
    return loader->pool && loader->scratch ? STATUS_OK : fail_memory(loader->err, "the model");
}

static void close_loader(struct loader *loader) {
    load_functions_close(loader);
    external_finish(&loader->files);
    pool_destroy(loader->scratch);
}

static void close_maps(struct file_map *const *maps, int count) {
    for (int i = 0; i < count; i++)
        file_map_close(maps[i]);
}

static size_t map_bytes(const struct external_files *files) {
    size_t sum = 0;
    for (int i = 0; i < files->map_count; i++)
        sum += files->maps[i]->bytes;
    return sum;
}

/* In the place of an error about the model's bytes: what the file is, where it is of another kind. */
static status name_other_file(const struct file_map *map, status code, struct error *err) {
    static const char model[] = "an ONNX model";
    const struct file_kind *kind =
        code == STATUS_INVALID_MODEL || code == STATUS_UNSUPPORTED ? file_recognise(map->data, map->bytes) : NULL;
    return kind && strcmp(kind->what, model) != 0 ? fail_other_file(err, STATUS_INVALID_MODEL, kind, model) : code;
}

/* Takes over the map, whatever comes of it. real: as in struct external_files. */
static status load_map(struct file_map *map, const char *folder, const char *real, const struct load_limits *limits,
                       struct onnx_model **out, struct error *err) {
    struct loader loader = {.err = err};
    ProtobufCMessage *message = NULL;
    status result = open_loader(&loader, limits, pool_create());
    if (result == STATUS_OK)
        result = external_add(&loader.files, map, err);
    if (result != STATUS_OK) {
        file_map_close(map);
        goto fail;
    }
    loader.files.folder = folder;
    loader.files.real = real;
    loader.model = pool_alloc(loader.pool, sizeof *loader.model);
    if (!loader.model) {
        result = fail_memory(err, "the model");
        goto fail;
    }
    result = unpack(&loader, &onnx__model_proto__descriptor, &message);
    if (result == STATUS_OK)
        result = convert_model(&loader, (const Onnx__ModelProto *)message);
    if (result != STATUS_OK) {
        result = name_other_file(loader.files.maps[0], result, err);
        goto fail;
    }
    loader.model->pool = loader.pool;
    loader.model->maps = loader.files.maps;
    loader.model->map_count = loader.files.map_count;
    loader.model->file_bytes = map_bytes(&loader.files);
    *out = loader.model;
    protobuf_c_message_free_unpacked(message, NULL);
    close_loader(&loader);
    return STATUS_OK;

fail:
    protobuf_c_message_free_unpacked(message, NULL);
    close_loader(&loader);
    close_maps(loader.files.maps, loader.files.map_count);
    pool_destroy(loader.pool);
    return result;
}

/* ---- the entrances ---- */

/* The folder of the path, for the caller to free(). */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Takes over the map; fd is the file that was mapped. */
static status load_file(const char *path, int fd, struct file_map *map, const struct load_limits *limits,
                        struct onnx_model **out, struct error *err) {
    char *folder = folder_of(path), *real = folder_of_open(fd);
    status result;
    if (folder) {
        result = load_map(map, folder, real, limits, out, err);
    } else {
        file_map_close(map);
        result = fail_memory(err, "the model");
    }
    free(folder);
    free(real);
    return result;
}

status onnx_load(const char *path, const struct load_limits *limits, struct onnx_model **out, struct error *err) {
    struct file_map map;
    int fd = -1;
    *out = NULL;
    status result = file_open(path, &fd, err);
    if (result == STATUS_OK)
        result = file_map_from(fd, limits_filled(limits).model_bytes, &map, err);
    if (result == STATUS_OK)
        result = load_file(path, fd, &map, limits, out, err);
    if (fd >= 0)
        close(fd);
    return result == STATUS_OK ? result : fail_prefix(err, "%.400s", path);
}

status onnx_load_memory(const void *data, size_t bytes, const char *folder, const struct load_limits *limits,
                        struct onnx_model **out, struct error *err) {
    struct file_map map = {.data = data, .bytes = bytes};
    *out = NULL;
    if (bytes > limits_filled(limits).model_bytes)
        return fail(err, STATUS_LIMIT, "the model has %zu bytes, more than the limit of %zu", bytes,
                    limits_filled(limits).model_bytes);
    return load_map(&map, folder, NULL, limits, out, err);
}

void onnx_close(struct onnx_model *model) {
    if (!model)
        return;
    close_maps(model->maps, model->map_count);
    pool_destroy(model->pool);
}

status value_proto_read(const void *bytes, size_t size, enum dtype kind, struct pool *pool,
                        const struct load_limits *limits, struct loaded_value *out, struct error *err) {
    struct loader loader = {.err = err, .copy_raw = true};
    const struct file_map map = {.data = bytes, .bytes = size};
    ProtobufCMessage *message = NULL;
    *out = (struct loaded_value){.name = ""};
    status result = open_loader(&loader, limits, pool);
    loader.limits.expanded_bytes = loader.limits.tensor_bytes; /* everything is copied here */
    if (result == STATUS_OK)
        result = external_add(&loader.files, &map, err);
    if (result == STATUS_OK)
        result = unpack(&loader, load_value_descriptor(kind), &message);
    if (result == STATUS_OK && load_value(&loader, message, out) != STATUS_OK)
        result = fail_prefix(err, "%s " QUOTED, dtype_is_boxed(kind) ? dtype_name(kind) : "tensor", out->name);
    protobuf_c_message_free_unpacked(message, NULL);
    close_loader(&loader);
    return result;
}

status tensor_proto_read(const void *bytes, size_t size, struct pool *pool, const struct load_limits *limits,
                         struct tensor *out, const char **name, struct error *err) {
    struct loaded_value value;
    const status result = value_proto_read(bytes, size, DTYPE_UNDEFINED, pool, limits, &value, err);
    *out = value.tensor;
    *name = value.name;
    return result;
}
