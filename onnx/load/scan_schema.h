/* What the wire scan must know of ONNX's messages and their fields. */
#ifndef LIMNER_ONNX_LOAD_SCAN_SCHEMA_H
#define LIMNER_ONNX_LOAD_SCAN_SCHEMA_H

#include "onnx/load/wire.h"

#include <protobuf-c/protobuf-c.h>

typedef ProtobufCMessageDescriptor message_type;
typedef ProtobufCFieldDescriptor field_type;

/* Our own fields of TensorProto, see onnx.proto. */
enum { SCHEMA_RAW_OFFSET = 1000, SCHEMA_RAW_LENGTH = 1001 };

/* Typed data of a tensor is paid from limits.expanded_bytes, all the rest from limits_decoded(). */
bool schema_is_tensor_data(const message_type *message, const field_type *field);
/* Fields without meaning here; they are stepped over like unknown ones. */
bool schema_is_dropped(const message_type *message, const field_type *field);
/* One of our own fields, which no file may have. */
bool schema_is_raw_place(const message_type *message, const field_type *field);
bool schema_is_raw_data(const message_type *message, const field_type *field);
enum wire_type schema_wire_type_of(ProtobufCType type);
/* Bytes of one number once it is unpacked. */
size_t schema_number_bytes(ProtobufCType type);
/* Types, and values of such types, which may lie within each other. */
bool schema_is_type(const message_type *message);
/* A bit that stands for the field, the same one for all members of a oneof. */
uint64_t schema_field_bit(const message_type *message, const field_type *field);

#endif
