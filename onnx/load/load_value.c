#include "onnx/load/load_value.h"

#include "onnx/load/load_scope.h"
#include "onnx/load/load_tensor.h"

#include <string.h>

const ProtobufCMessageDescriptor *load_value_descriptor(enum dtype kind) {
    switch (kind) {
    case DTYPE_SEQUENCE:
        return &onnx__sequence_proto__descriptor;
    case DTYPE_OPTIONAL:
        return &onnx__optional_proto__descriptor;
    case DTYPE_MAP:
        return &onnx__map_proto__descriptor;
    default:
        return &onnx__tensor_proto__descriptor;
    }
}

static status make_items(struct loader *loader, size_t count, struct loaded_value *out) {
    out->count = count;
    out->items = pool_array(loader->pool, count + 1, sizeof *out->items);
    return out->items ? STATUS_OK : fail_memory(loader->err, "a value");
}

/* ---- sequences ---- */

/* One list of a sequence has all items. */
static status load_sequence(struct loader *loader, const Onnx__SequenceProto *proto, struct loaded_value *out) {
    const struct {
        size_t count;
        void *const *items;
    } lists[] = {{proto->n_tensor_values, (void *const *)proto->tensor_values},
                 {proto->n_sequence_values, (void *const *)proto->sequence_values},
                 {proto->n_map_values, (void *const *)proto->map_values},
                 {proto->n_optional_values, (void *const *)proto->optional_values}};
    if (proto->n_sparse_tensor_values > 0)
        return fail(loader->err, STATUS_UNSUPPORTED, "has sparse tensors, which limner does not read");
    size_t chosen = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].count > 0) {
            if (lists[chosen].count > 0 && chosen != i)
                return fail(loader->err, STATUS_INVALID_MODEL, "has items of more than one kind");
            chosen = i;
        }
    status result = make_items(loader, lists[chosen].count, out);
    for (size_t i = 0; result == STATUS_OK && i < out->count; i++)
        if ((result = load_value(loader, lists[chosen].items[i], &out->items[i])) != STATUS_OK)
            result = fail_prefix(loader->err, "item %zu", i);
    return result;
}

/* ---- optionals ---- */

static status load_optional(struct loader *loader, const Onnx__OptionalProto *proto, struct loaded_value *out) {
    const void *items[] = {proto->tensor_value, proto->sequence_value, proto->map_value, proto->optional_value};
    const void *item = NULL;
    if (proto->sparse_tensor_value)
        return fail(loader->err, STATUS_UNSUPPORTED, "has a sparse tensor, which limner does not read");
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (items[i] && item)
            return fail(loader->err, STATUS_INVALID_MODEL, "has more than one value");
        item = items[i] ? items[i] : item;
    }
    const status result = make_items(loader, item != NULL, out);
    return result == STATUS_OK && item ? load_value(loader, item, &out->items[0]) : result;
}

/* ---- maps ---- */

static status load_list(struct loader *loader, enum dtype dtype, size_t count, struct tensor *out) {
    const int64_t size = (int64_t)count;
    const status result = load_tensor_shape(loader, (int32_t)dtype, 1, &size, out);
    return result == STATUS_OK ? load_tensor_room(loader, out) : result;
}

static status load_text_keys(struct loader *loader, const Onnx__MapProto *proto, struct tensor *out) {
    const status result = load_list(loader, DTYPE_STRING, proto->n_string_keys, out);
    struct text *texts = out->data;
    for (size_t i = 0; result == STATUS_OK && i < proto->n_string_keys; i++) {
        const ProtobufCBinaryData *key = &proto->string_keys[i];
        texts[i] = (struct text){pool_string(loader->pool, (const char *)key->data, key->len), key->len};
        if (!texts[i].bytes)
            return fail_memory(loader->err, "a map");
    }
    return result;
}

static status load_number_keys(struct loader *loader, const Onnx__MapProto *proto, struct tensor *out) {
    const status result = load_list(loader, DTYPE_INT64, proto->n_keys, out);
    if (result == STATUS_OK && proto->n_keys > 0)
        memcpy(out->data, proto->keys, proto->n_keys * sizeof *proto->keys);
    return result;
}

/* The values, tensors of one element, as one list. */
static status join_values(struct loader *loader, const struct loaded_value *values, struct tensor *out) {
    const enum dtype dtype = values->count > 0 ? values->items[0].tensor.dtype : DTYPE_FLOAT;
    if (load_list(loader, dtype, values->count, out) != STATUS_OK)
        return loader->err->code;
    const size_t size = dtype_size(dtype);
    for (size_t i = 0; i < values->count; i++) {
        const struct tensor *value = &values->items[i].tensor;
        if (value->dtype != dtype || size == 0 || dtype_is_boxed(dtype) || tensor_elements(value) != 1)
            return fail(loader->err, STATUS_UNSUPPORTED, "value %zu is not one element of the type of those before it",
                        i);
        memcpy((char *)out->data + i * size, value->data, size);
    }
    return STATUS_OK;
}

static status load_map(struct loader *loader, const Onnx__MapProto *proto, struct loaded_value *out) {
    static const Onnx__SequenceProto none = ONNX__SEQUENCE_PROTO__INIT;
    const Onnx__SequenceProto *list = proto->values ? proto->values : &none;
    const size_t keys = proto->n_keys + proto->n_string_keys;
    struct loaded_value values = {.tensor.dtype = DTYPE_SEQUENCE};
    if (make_items(loader, 2, out) != STATUS_OK || load_sequence(loader, list, &values) != STATUS_OK)
        return loader->err->code;
    if ((proto->n_keys > 0 && proto->n_string_keys > 0) || keys != values.count)
        return fail(loader->err, STATUS_INVALID_MODEL, "is a map of %zu keys and %zu values", keys, values.count);
    out->items[0].name = out->items[1].name = "";
    const bool texts = proto->n_string_keys > 0 || (keys == 0 && proto->key_type == DTYPE_STRING);
    const status result = (texts ? load_text_keys : load_number_keys)(loader, proto, &out->items[0].tensor);
    return result == STATUS_OK ? join_values(loader, &values, &out->items[1].tensor) : result;
}

/* ---- all of them ---- */

/* The wire scan has bounded how deep they lie in each other. */
status load_value(struct loader *loader, const ProtobufCMessage *message, struct loaded_value *out) {
    const ProtobufCMessageDescriptor *kind = message->descriptor;
    *out = (struct loaded_value){.name = ""};
    if (kind == &onnx__tensor_proto__descriptor) {
        const Onnx__TensorProto *tensor = (const Onnx__TensorProto *)message;
        const status result = load_string(loader, tensor->name, &out->name);
        return result == STATUS_OK ? load_tensor(loader, tensor, &out->tensor) : result;
    }
    out->tensor.dtype = kind == &onnx__sequence_proto__descriptor   ? DTYPE_SEQUENCE
                        : kind == &onnx__optional_proto__descriptor ? DTYPE_OPTIONAL
                                                                    : DTYPE_MAP;
    /* the name is the first member of all three */
    const status result = load_string(loader, ((const Onnx__SequenceProto *)message)->name, &out->name);
    if (result != STATUS_OK)
        return result;
    switch (out->tensor.dtype) {
    case DTYPE_SEQUENCE:
        return load_sequence(loader, (const Onnx__SequenceProto *)message, out);
    case DTYPE_OPTIONAL:
        return load_optional(loader, (const Onnx__OptionalProto *)message, out);
    default:
        return load_map(loader, (const Onnx__MapProto *)message, out);
    }
}
