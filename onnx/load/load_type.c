#include "onnx/load/load_type.h"

#include "onnx/load/load_scope.h"

#include <inttypes.h>

status load_encoded(struct loader *loader, const ProtobufCMessage *message, struct text *out) {
    const size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = pool_alloc(loader->pool, length + 1);
    if (!bytes)
        return fail_memory(loader->err, "a type");
    protobuf_c_message_pack(message, bytes);
    *out = (struct text){.bytes = (const char *)bytes, .length = length};
    return STATUS_OK;
}

static status load_dim(struct loader *loader, const Onnx__TensorShapeProto__Dimension *proto, struct dim *out) {
    *out = (struct dim){.size = -1};
    switch (proto->value_case) {
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
        out->size = proto->dim_value < 0 ? -1 : proto->dim_value; /* some exporters write -1 for "any" */
        return STATUS_OK;
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
        return load_doc(loader, proto->dim_param, &out->name);
    default:
        return STATUS_OK;
    }
}

static status load_tensor_type(struct loader *loader, const Onnx__TypeProto__Tensor *proto, struct declared_type *out) {
    if (proto->elem_type < 0 || proto->elem_type >= DTYPE_COUNT)
        return fail(loader->err, STATUS_UNSUPPORTED,
                    "is declared with element type %" PRId32 ", which limner does not know", proto->elem_type);
    out->dtype = (enum dtype)proto->elem_type;
    if (!proto->shape)
        return STATUS_OK;
    if (proto->shape->n_dim > MAX_RANK)
        return fail(loader->err, STATUS_LIMIT, "is declared with %zu dimensions, limner takes at most %d",
                    proto->shape->n_dim, MAX_RANK);
    out->rank = (int)proto->shape->n_dim;
    for (int i = 0; i < out->rank; i++) {
        const status result = load_dim(loader, proto->shape->dim[i], &out->dims[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static const char *other_type(const Onnx__TypeProto *type) {
    switch (type->value_case) {
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        return "sequence";
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
        return "map";
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        return "optional";
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
        return "sparse tensor";
    case ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE:
        return "opaque";
    default:
        return NULL;
    }
}

/* What a sequence, an optional or a map is made of. *item is NULL for types that are none of these. */
static enum dtype kind_of(const Onnx__TypeProto *type, const Onnx__TypeProto **item) {
    switch (type->value_case) {
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        *item = type->sequence_type->elem_type;
        return DTYPE_SEQUENCE;
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
        *item = type->map_type->value_type;
        return DTYPE_MAP;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        *item = type->optional_type->elem_type;
        return DTYPE_OPTIONAL;
    default:
        *item = NULL;
        return DTYPE_UNDEFINED;
    }
}

/* The wire scan has bounded how deep types lie in each other. */
static status load_item(struct loader *loader, const Onnx__TypeProto *type, struct declared_type *out) {
    const Onnx__TypeProto *proto;
    out->dtype = kind_of(type, &proto);
    if (out->dtype == DTYPE_MAP && (type->map_type->key_type < 0 || type->map_type->key_type >= DTYPE_COUNT))
        return fail(loader->err, STATUS_UNSUPPORTED, "is a map whose keys have the unknown type %" PRId32,
                    type->map_type->key_type);
    if (out->dtype == DTYPE_MAP)
        out->key = (enum dtype)type->map_type->key_type;
    if (!proto)
        return STATUS_OK;
    struct declared_type *item = pool_alloc(loader->pool, sizeof *item);
    out->item = item;
    return item ? load_type(loader, proto, item) : fail_memory(loader->err, "a type");
}

status load_type(struct loader *loader, const Onnx__TypeProto *type, struct declared_type *out) {
    *out = (struct declared_type){.rank = -1};
    if (!type)
        return STATUS_OK;
    if (type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return load_tensor_type(loader, type->tensor_type, out);
    out->other = other_type(type);
    if (!out->other)
        return STATUS_OK;
    const status code = load_item(loader, type, out);
    return code == STATUS_OK ? load_encoded(loader, &type->base, &out->encoded) : code;
}
