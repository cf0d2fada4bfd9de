#include "onnx/load/scan_schema.h"

#include "onnx.pb-c.h"

#include <string.h>

bool schema_is_tensor_data(const message_type *message, const field_type *field) {
    return message == &onnx__tensor_proto__descriptor && field->label == PROTOBUF_C_LABEL_REPEATED &&
           field->type != PROTOBUF_C_TYPE_MESSAGE && strcmp(field->name, "dims") != 0;
}

bool schema_is_dropped(const message_type *message, const field_type *field) {
    static const struct {
        const message_type *message;
        const char *field;
    } dropped[] = {
        {&onnx__model_proto__descriptor, "training_info"},
        {&onnx__model_proto__descriptor, "configuration"},
        {&onnx__graph_proto__descriptor, "quantization_annotation"},
        {&onnx__node_proto__descriptor, "device_configurations"},
        {&onnx__value_info_proto__descriptor, "metadata_props"},
        {&onnx__tensor_proto__descriptor, "metadata_props"},
        {&onnx__tensor_proto__descriptor, "doc_string"},
        {&onnx__attribute_proto__descriptor, "doc_string"},
        {&onnx__function_proto__descriptor, "doc_string"},
        {&onnx__function_proto__descriptor, "metadata_props"},
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (dropped[i].message == message && strcmp(dropped[i].field, field->name) == 0)
            return true;
    return false;
}

bool schema_is_raw_place(const message_type *message, const field_type *field) {
    return message == &onnx__tensor_proto__descriptor &&
           (field->id == SCHEMA_RAW_OFFSET || field->id == SCHEMA_RAW_LENGTH);
}

bool schema_is_raw_data(const message_type *message, const field_type *field) {
    return message == &onnx__tensor_proto__descriptor && strcmp(field->name, "raw_data") == 0;
}

enum wire_type schema_wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

size_t schema_number_bytes(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    default:
        return 8;
    }
}

bool schema_is_type(const message_type *message) {
    return message == &onnx__type_proto__descriptor || message == &onnx__sequence_proto__descriptor ||
           message == &onnx__optional_proto__descriptor || message == &onnx__map_proto__descriptor;
}

uint64_t schema_field_bit(const message_type *message, const field_type *field) {
    size_t i = 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        while (!(message->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
               message->fields[i].quantifier_offset != field->quantifier_offset)
            i++;
    else
        i = (size_t)(field - message->fields);
    return (uint64_t)1 << (i & 63);
}
