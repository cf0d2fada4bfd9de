#include "tests/support/proto.h"

#include "tests/support/support.h"

#include "onnx/load/load.h"

#include <stdlib.h>
#include <string.h>

void proto_free(struct proto *proto) {
    free(proto->bytes);
    *proto = (struct proto){0};
}

void proto_raw(struct proto *proto, const void *bytes, size_t size) {
    if (proto->size + size > proto->capacity) {
        proto->capacity = 2 * (proto->size + size) + 64;
        proto->bytes = realloc(proto->bytes, proto->capacity);
        assert_non_null(proto->bytes);
    }
    if (size)
        memcpy(proto->bytes + proto->size, bytes, size);
    proto->size += size;
}

void proto_varint(struct proto *proto, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        proto_raw(proto, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    proto_raw(proto, &(uint8_t){(uint8_t)value}, 1);
}

void proto_key(struct proto *proto, unsigned field, unsigned wire_type) {
    proto_varint(proto, (uint64_t)field << 3 | wire_type);
}

void proto_int(struct proto *proto, unsigned field, int64_t value) {
    proto_key(proto, field, 0);
    proto_varint(proto, (uint64_t)value);
}

void proto_float(struct proto *proto, unsigned field, float value) {
    proto_key(proto, field, 5);
    proto_raw(proto, &value, sizeof value);
}

void proto_bytes(struct proto *proto, unsigned field, const void *bytes, size_t size) {
    proto_key(proto, field, 2);
    proto_varint(proto, size);
    proto_raw(proto, bytes, size);
}

void proto_text(struct proto *proto, unsigned field, const char *text) {
    proto_bytes(proto, field, text, strlen(text));
}

void proto_add(struct proto *proto, unsigned field, struct proto *child) {
    proto_bytes(proto, field, child->bytes, child->size);
    proto_free(child);
}

void proto_value(struct proto *graph, unsigned field, const char *name, int count, ...) {
    struct proto shape = {0}, tensor = {0}, type = {0}, value = {0};
    va_list dims;
    va_start(dims, count);
    for (int i = 0; i < count; i++) {
        struct proto dim = {0};
        const int size = va_arg(dims, int);
        if (size >= 0)
            proto_int(&dim, 1, size);
        proto_add(&shape, 1, &dim);
    }
    va_end(dims);
    proto_int(&tensor, 1, DTYPE_FLOAT);
    proto_add(&tensor, 2, &shape);
    proto_add(&type, 1, &tensor);
    proto_text(&value, 1, name);
    proto_add(&value, 2, &type);
    proto_add(graph, field, &value);
}

static void add_names(struct proto *node, unsigned field, const char *names) {
    while (*names) {
        const size_t length = strcspn(names, " ");
        proto_bytes(node, field, names, length == 1 && *names == '-' ? 0 : length);
        names += length + (names[length] == ' ');
    }
}

void proto_node(struct proto *graph, unsigned field, const char *op, const char *name, const char *inputs,
                const char *outputs, struct proto *attributes) {
    struct proto node = {0};
    add_names(&node, NODE_INPUT, inputs);
    add_names(&node, NODE_OUTPUT, outputs);
    proto_text(&node, NODE_NAME, name);
    const char *dot = strrchr(op, '.'); /* "domain.Op" */
    if (dot)
        proto_bytes(&node, NODE_DOMAIN, op, (size_t)(dot - op));
    proto_text(&node, NODE_OP, dot ? dot + 1 : op);
    if (attributes) {
        proto_raw(&node, attributes->bytes, attributes->size);
        proto_free(attributes);
    }
    proto_add(graph, field, &node);
}

void proto_int_attribute(struct proto *attributes, const char *name, int64_t value) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_int(&attribute, ATTRIBUTE_I, value);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_INT);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

void proto_graph_attribute(struct proto *attributes, const char *name, struct proto *graph) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_add(&attribute, ATTRIBUTE_G, graph);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_GRAPH);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

void proto_reference(struct proto *attributes, const char *name, const char *reference, enum attribute_type type) {
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, name);
    proto_int(&attribute, ATTRIBUTE_TYPE, type);
    proto_text(&attribute, ATTRIBUTE_REFERENCE, reference);
    proto_add(attributes, NODE_ATTRIBUTE, &attribute);
}

void proto_opset(struct proto *message, unsigned field, const char *domain, int64_t version) {
    struct proto opset = {0};
    proto_text(&opset, 1, domain);
    proto_int(&opset, 2, version);
    proto_add(message, field, &opset);
}

struct proto proto_tensor(const char *name, int type, int count, ...) {
    struct proto tensor = {0};
    va_list dims;
    va_start(dims, count);
    for (int i = 0; i < count; i++)
        proto_int(&tensor, TENSOR_DIMS, va_arg(dims, int));
    va_end(dims);
    proto_int(&tensor, TENSOR_TYPE, type);
    proto_text(&tensor, TENSOR_NAME, name);
    return tensor;
}

void proto_initializer(struct proto *graph, const char *name, int count) {
    struct proto tensor = proto_tensor(name, DTYPE_FLOAT, 1, count), raw = {0};
    for (int i = 0; i < count; i++)
        proto_raw(&raw, &(float){1}, sizeof(float));
    proto_add(&tensor, TENSOR_RAW, &raw);
    proto_add(graph, GRAPH_INITIALIZER, &tensor);
}

struct proto proto_model(struct proto *graph) {
    struct proto model = {0};
    proto_int(&model, MODEL_IR, 8);
    proto_opset(&model, MODEL_OPSET, "", 17);
    proto_add(&model, MODEL_GRAPH, graph);
    return model;
}

struct onnx_model *proto_load(struct proto *model, void **data) {
    struct onnx_model *loaded = NULL;
    struct error err = {0};
    if (onnx_load_memory(model->bytes, model->size, NULL, NULL, &loaded, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    *data = model->bytes;
    *model = (struct proto){0};
    return loaded;
}

void proto_refused(struct proto *model, const struct load_limits *limits, status expected, const char *words) {
    struct onnx_model *loaded = NULL;
    struct error err = {0};
    const status result = onnx_load_memory(model->bytes, model->size, NULL, limits, &loaded, &err);
    proto_free(model);
    if (result == STATUS_OK)
        onnx_close(loaded);
    if (result != expected || !strstr(err.message, words))
        fail_msg("status %d, \"%s\"; expected status %d and \"%s\"", result, err.message, expected, words);
}
