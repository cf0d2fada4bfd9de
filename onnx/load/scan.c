#include "onnx/load/scan.h"

#include "base/checked.h"
#include "onnx.pb-c.h"
#include "onnx/load/limits.h"
#include "onnx/load/scan_schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What protobuf-c and malloc add to each thing that is unpacked: its note of the member, a pointer, the heap's header.
 */
#define MEMBER_BYTES ((size_t)64)

struct scan_state {
    const uint8_t *data;
    size_t at;
    const struct load_limits *limits;
    struct wire_buffer skeleton;
    size_t nodes, tensors, values;
    size_t decoded, expanded; /* heap that unpacking will take, without and with typed tensor data */
    int graphs, types;        /* nesting at this place */
    struct error *err;
};

/* One field as it stands in the file. */
struct wire_field {
    const field_type *field; /* NULL: unknown */
    uint32_t number;
    enum wire_type type;
    size_t start;          /* of its key */
    size_t payload, end;   /* behind the length, if there is one */
    uint64_t number_value; /* of a WIRE_VARINT */
};

static status append_failed(const struct scan_state *scan) {
    if (scan->skeleton.full)
        return fail(scan->err, STATUS_LIMIT,
                    "the model without its raw tensor data is larger than %zu bytes (limit skeleton_bytes)",
                    scan->limits->skeleton_bytes);
    return fail_memory(scan->err, "the model's messages");
}

static status add_cost(const struct scan_state *scan, size_t *sum, size_t cost, size_t limit, const char *name) {
    if (size_add(*sum, cost, sum) && *sum <= limit)
        return STATUS_OK;
    return fail(scan->err, STATUS_LIMIT, "byte %zu: unpacking the model takes more than %zu bytes of memory (%s)",
                scan->at, limit, name);
}

static status charge(struct scan_state *scan, const message_type *message, const field_type *field, size_t count,
                     size_t item_bytes) {
    size_t cost;
    if (!size_mul(count, item_bytes, &cost))
        cost = SIZE_MAX;
    if (schema_is_tensor_data(message, field))
        return add_cost(scan, &scan->expanded, cost, scan->limits->expanded_bytes, "limit expanded_bytes");
    return add_cost(scan, &scan->decoded, cost, limits_decoded(scan->limits), "limit skeleton_bytes, four times");
}

static status count_one(const struct scan_state *scan, size_t *count, size_t limit, const char *what) {
    if (++*count <= limit)
        return STATUS_OK;
    return fail(scan->err, STATUS_LIMIT, "byte %zu: the model has more than %zu %s (limit %s)", scan->at, limit, what,
                what);
}

static status count_message(struct scan_state *scan, const message_type *message) {
    if (message == &onnx__node_proto__descriptor)
        return count_one(scan, &scan->nodes, scan->limits->nodes, "nodes");
    if (message == &onnx__tensor_proto__descriptor)
        return count_one(scan, &scan->tensors, scan->limits->tensors, "tensors");
    if (message == &onnx__value_info_proto__descriptor)
        return count_one(scan, &scan->values, scan->limits->values, "values");
    return STATUS_OK;
}

static status read_key(struct scan_state *scan, const message_type *message, size_t end, struct wire_field *out) {
    uint64_t key;
    out->start = scan->at;
    if (!wire_read_varint(scan->data, &scan->at, end, &key))
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: %s ends inside the key of a field", out->start,
                    message->short_name);
    if (key >> 3 == 0 || key > UINT32_MAX)
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: %s has a field with the impossible number %" PRIu64,
                    out->start, message->short_name, key >> 3);
    out->number = (uint32_t)(key >> 3);
    out->type = (enum wire_type)(key & 7);
    out->field = protobuf_c_message_descriptor_get_field(message, out->number);
    return STATUS_OK;
}

static status truncated(const struct scan_state *scan, const message_type *message, const struct wire_field *field,
                        uint64_t wanted, size_t left) {
    const char *name = field->field ? field->field->name : "(unknown)";
    return fail(scan->err, STATUS_INVALID_MODEL,
                "byte %zu: field %s of %s needs %" PRIu64 " bytes where %zu are left: the file is cut off or damaged",
                field->start, name, message->short_name, wanted, left);
}

/* Finds where the field's payload lies and moves behind it. */
static status read_extent(struct scan_state *scan, const message_type *message, size_t end, struct wire_field *out) {
    uint64_t length = 0;
    out->payload = scan->at;
    switch (out->type) {
    case WIRE_VARINT:
        if (!wire_read_varint(scan->data, &scan->at, end, &out->number_value))
            return truncated(scan, message, out, end - out->payload + 1, end - out->payload);
        out->end = scan->at;
        return STATUS_OK;
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_LENGTH:
        if (!wire_read_varint(scan->data, &scan->at, end, &length))
            return truncated(scan, message, out, end - out->payload + 1, end - out->payload);
        break;
    default:
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "byte %zu: field %u of %s has wire type %d, which ONNX does not use", out->start,
                    (unsigned)out->number, message->short_name, (int)out->type);
    }
    out->payload = scan->at;
    if (length > end - scan->at)
        return truncated(scan, message, out, length, end - scan->at);
    out->end = scan->at = out->payload + (size_t)length;
    return STATUS_OK;
}

/* Packed numbers may stand where a repeated field is expected, and the other way round. */
static bool type_fits(const struct wire_field *field) {
    const enum wire_type expected = schema_wire_type_of(field->field->type);
    return field->type == expected || (field->type == WIRE_LENGTH && field->field->label == PROTOBUF_C_LABEL_REPEATED);
}

static bool append_payload(struct scan_state *scan, const struct wire_field *field) {
    const size_t length = field->end - field->payload;
    return wire_append_key(&scan->skeleton, field->number, WIRE_LENGTH) &&
           wire_append_varint(&scan->skeleton, length) &&
           wire_append(&scan->skeleton, scan->data + field->payload, length);
}

/* Texts and short byte strings are copied as they are; a text must not hold a zero byte, for C would cut it there. */
static status copy_bytes(struct scan_state *scan, const message_type *message, const struct wire_field *field) {
    const size_t length = field->end - field->payload;
    const uint8_t *bytes = scan->data + field->payload;
    if (field->field->type == PROTOBUF_C_TYPE_STRING && length && memchr(bytes, 0, length))
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: the text in field %s of %s has a zero byte",
                    field->payload, field->field->name, message->short_name);
    const status result = charge(scan, message, field->field, 1, length + 1 + MEMBER_BYTES);
    if (result != STATUS_OK)
        return result;
    return append_payload(scan, field) ? STATUS_OK : append_failed(scan);
}

static status note_raw_data(struct scan_state *scan, const message_type *message, const struct wire_field *field) {
    const status result = charge(scan, message, field->field, 1, 2 * MEMBER_BYTES);
    if (result != STATUS_OK)
        return result;
    struct wire_buffer *skeleton = &scan->skeleton;
    const bool written = wire_append_key(skeleton, SCHEMA_RAW_OFFSET, WIRE_VARINT) &&
                         wire_append_varint(skeleton, field->payload) &&
                         wire_append_key(skeleton, SCHEMA_RAW_LENGTH, WIRE_VARINT) &&
                         wire_append_varint(skeleton, field->end - field->payload);
    return written ? STATUS_OK : append_failed(scan);
}

static status copy_number(struct scan_state *scan, const message_type *message, const struct wire_field *field) {
    const status result = charge(scan, message, field->field, 1, MEMBER_BYTES);
    if (result != STATUS_OK)
        return result;
    struct wire_buffer *skeleton = &scan->skeleton;
    bool written = wire_append_key(skeleton, field->number, field->type);
    if (field->type == WIRE_VARINT)
        written = written && wire_append_varint(skeleton, field->number_value);
    else
        written = written && wire_append(skeleton, scan->data + field->payload, field->end - field->payload);
    return written ? STATUS_OK : append_failed(scan);
}

/* How many packed numbers the payload holds; false when it does not end with one. */
static bool packed_count(const struct scan_state *scan, const struct wire_field *field, size_t *count) {
    const size_t length = field->end - field->payload;
    const enum wire_type type = schema_wire_type_of(field->field->type);
    if (type != WIRE_VARINT) {
        const size_t size = type == WIRE_32 ? 4 : 8;
        *count = length / size;
        return length % size == 0;
    }
    *count = 0;
    for (size_t at = field->payload; at < field->end; ++*count) {
        uint64_t ignored;
        if (!wire_read_varint(scan->data, &at, field->end, &ignored))
            return false;
    }
    return true;
}

static status copy_packed(struct scan_state *scan, const message_type *message, const struct wire_field *field) {
    size_t count;
    if (!packed_count(scan, field, &count))
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "byte %zu: the numbers packed in field %s of %s do not end with it", field->payload,
                    field->field->name, message->short_name);
    if (count == 0)
        return STATUS_OK;
    status result = add_cost(scan, &scan->decoded, MEMBER_BYTES, limits_decoded(scan->limits), "limit skeleton_bytes");
    if (result == STATUS_OK)
        result = charge(scan, message, field->field, count, schema_number_bytes(field->field->type));
    if (result != STATUS_OK)
        return result;
    return append_payload(scan, field) ? STATUS_OK : append_failed(scan);
}

static status scan_message(struct scan_state *scan, const message_type *message, size_t end);

static status enter(struct scan_state *scan, const message_type *message) {
    scan->graphs += message == &onnx__graph_proto__descriptor;
    scan->types += schema_is_type(message);
    if (scan->graphs <= scan->limits->nesting + 1 && scan->types <= scan->limits->nesting + 1)
        return STATUS_OK;
    return fail(scan->err, STATUS_LIMIT, "byte %zu: %s nested deeper than %d levels (limit nesting)", scan->at,
                message == &onnx__graph_proto__descriptor  ? "subgraphs"
                : message == &onnx__type_proto__descriptor ? "types"
                                                           : "values",
                scan->limits->nesting);
}

static void leave(struct scan_state *scan, const message_type *message) {
    scan->graphs -= message == &onnx__graph_proto__descriptor;
    scan->types -= schema_is_type(message);
}

static status scan_child(struct scan_state *scan, const message_type *parent, const struct wire_field *field) {
    const message_type *message = field->field->descriptor;
    size_t length_at;
    status result = charge(scan, parent, field->field, 1, message->sizeof_message + MEMBER_BYTES);
    if (result == STATUS_OK)
        result = count_message(scan, message);
    if (result == STATUS_OK)
        result = enter(scan, message);
    if (result != STATUS_OK)
        return result;
    if (!wire_append_key(&scan->skeleton, field->number, WIRE_LENGTH) || !wire_open_length(&scan->skeleton, &length_at))
        return append_failed(scan);
    scan->at = field->payload;
    result = scan_message(scan, message, field->end);
    if (result == STATUS_OK)
        wire_close_length(&scan->skeleton, length_at);
    leave(scan, message);
    return result;
}

/* Protobuf would merge a second occurrence of a submessage into the first; no ONNX writer does that. */
static status check_single(const struct scan_state *scan, const message_type *message, const struct wire_field *field,
                           uint64_t *seen) {
    if (field->field->label == PROTOBUF_C_LABEL_REPEATED || field->field->type != PROTOBUF_C_TYPE_MESSAGE)
        return STATUS_OK;
    const uint64_t bit = schema_field_bit(message, field->field);
    if (*seen & bit)
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: field %s of %s stands there twice", field->start,
                    field->field->name, message->short_name);
    *seen |= bit;
    return STATUS_OK;
}

static status scan_known(struct scan_state *scan, const message_type *message, const struct wire_field *field,
                         uint64_t *seen) {
    if (schema_is_raw_place(message, field->field))
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: field %u of TensorProto is not part of ONNX",
                    field->start, (unsigned)field->number);
    if (!type_fits(field))
        return fail(scan->err, STATUS_INVALID_MODEL, "byte %zu: field %s of %s has wire type %d instead of %d",
                    field->start, field->field->name, message->short_name, (int)field->type,
                    (int)schema_wire_type_of(field->field->type));
    const status result = check_single(scan, message, field, seen);
    if (result != STATUS_OK)
        return result;
    switch (field->field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return scan_child(scan, message, field);
    case PROTOBUF_C_TYPE_BYTES:
        return (schema_is_raw_data(message, field->field) ? note_raw_data : copy_bytes)(scan, message, field);
    case PROTOBUF_C_TYPE_STRING:
        return copy_bytes(scan, message, field);
    default:
        return (field->type == WIRE_LENGTH ? copy_packed : copy_number)(scan, message, field);
    }
}

static status scan_message(struct scan_state *scan, const message_type *message, size_t end) {
    uint64_t seen = 0;
    while (scan->at < end) {
        struct wire_field field = {0};
        status result = read_key(scan, message, end, &field);
        if (result == STATUS_OK)
            result = read_extent(scan, message, end, &field);
        if (result == STATUS_OK && field.field && !schema_is_dropped(message, field.field))
            result = scan_known(scan, message, &field, &seen);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

status wire_scan(const void *bytes, size_t size, const message_type *message, const struct load_limits *limits,
                 uint8_t **skeleton, size_t *skeleton_size, struct error *err) {
    struct scan_state scan = {.data = bytes, .limits = limits, .skeleton.limit = limits->skeleton_bytes, .err = err};
    const status result = scan_message(&scan, message, size);
    if (result != STATUS_OK) {
        free(scan.skeleton.data);
        return result;
    }
    *skeleton = scan.skeleton.data;
    *skeleton_size = scan.skeleton.used;
    return STATUS_OK;
}
