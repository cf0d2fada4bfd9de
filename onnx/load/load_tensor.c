#include "onnx/load/load_tensor.h"

#include "base/checked.h"
#include "onnx/load/load_scope.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights are used as the file stores them: little-endian"
#endif

/* Misaligned raw data up to this size is copied; larger data stays where it is. */
#define COPY_BYTES_MAX ((size_t)64 << 10)

/* The typed fields of TensorProto. */
enum storage_field {
    STORED_FLOATS,
    STORED_INT32S,
    STORED_TEXTS,
    STORED_INT64S,
    STORED_DOUBLES,
    STORED_UINT64S,
    STORED_COUNT
};

static const char *const storage_names[STORED_COUNT] = {"float_data", "int32_data",  "string_data",
                                                        "int64_data", "double_data", "uint64_data"};

static enum storage_field storage_of(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_FLOAT:
    case DTYPE_COMPLEX64:
        return STORED_FLOATS;
    case DTYPE_DOUBLE:
    case DTYPE_COMPLEX128:
        return STORED_DOUBLES;
    case DTYPE_INT64:
        return STORED_INT64S;
    case DTYPE_UINT32:
    case DTYPE_UINT64:
        return STORED_UINT64S;
    case DTYPE_STRING:
        return STORED_TEXTS;
    default:
        return STORED_INT32S;
    }
}

static size_t stored_count(const Onnx__TensorProto *proto, enum storage_field storage) {
    const size_t counts[STORED_COUNT] = {
        [STORED_FLOATS] = proto->n_float_data,   [STORED_INT32S] = proto->n_int32_data,
        [STORED_TEXTS] = proto->n_string_data,   [STORED_INT64S] = proto->n_int64_data,
        [STORED_DOUBLES] = proto->n_double_data, [STORED_UINT64S] = proto->n_uint64_data,
    };
    return counts[storage];
}

/* Numbers of the field that make the tensor's bytes: a byte of packed elements, an element, or half a complex one. */
static size_t stored_needed(const struct tensor *tensor) {
    const size_t size = dtype_size(tensor->dtype);
    const size_t parts = tensor->dtype == DTYPE_COMPLEX64 || tensor->dtype == DTYPE_COMPLEX128 ? 2 : 1;
    return size == 0 ? tensor->bytes : tensor->bytes / size * parts;
}

status load_tensor_shape(struct loader *loader, int32_t data_type, size_t rank, const int64_t *dims,
                         struct tensor *out) {
    struct error *err = loader->err;
    if (data_type == DTYPE_UNDEFINED)
        return fail(err, STATUS_INVALID_MODEL, "has no element type");
    if (data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT6E2M3 ||
        data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT6E3M2)
        return fail(err, STATUS_UNSUPPORTED, "has 6-bit floating-point elements, which limner does not read");
    if (data_type < 0 || data_type >= DTYPE_COUNT)
        return fail(err, STATUS_INVALID_MODEL, "has element type %" PRId32 ", which ONNX does not define", data_type);
    if (rank > MAX_RANK)
        return fail(err, STATUS_LIMIT, "has %zu dimensions, limner takes at most %d", rank, MAX_RANK);
    struct shape shape = {.rank = (int)rank};
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return fail(err, STATUS_INVALID_MODEL, "has the negative size %" PRId64 " in dimension %zu", dims[i], i);
        shape.dims[i] = dims[i];
    }
    const status result = tensor_describe(out, (enum dtype)data_type, &shape, err);
    if (result != STATUS_OK)
        return result;
    char text[SHAPE_TEXT_BYTES];
    if (out->bytes > loader->limits.tensor_bytes)
        return fail(err, STATUS_LIMIT, "of shape %s takes %zu bytes, the limit tensor_bytes is %zu",
                    shape_text(&shape, text), out->bytes, loader->limits.tensor_bytes);
    out->constant = true;
    return STATUS_OK;
}

static status pay(struct loader *loader, size_t bytes) {
    if (size_add(loader->expanded, bytes, &loader->expanded) && loader->expanded <= loader->limits.expanded_bytes)
        return STATUS_OK;
    return fail(loader->err, STATUS_LIMIT,
                "does not fit: tensors that are not stored raw take more than %zu bytes "
                "(limit expanded_bytes)",
                loader->limits.expanded_bytes);
}

status load_tensor_room(struct loader *loader, struct tensor *tensor) {
    if (tensor->bytes == 0)
        return STATUS_OK;
    const status result = pay(loader, tensor->bytes);
    if (result != STATUS_OK)
        return result;
    tensor->data = pool_alloc(loader->pool, tensor->bytes);
    if (!tensor->data)
        return fail_memory(loader->err, "a tensor");
    if (tensor->dtype == DTYPE_STRING)
        for (struct text *text = tensor->data, *end = text + tensor_elements(tensor); text < end; text++)
            text->bytes = "";
    return STATUS_OK;
}

status load_tensor_copy(struct loader *loader, struct tensor *tensor) {
    const void *from = tensor->data;
    const status result = load_tensor_room(loader, tensor);
    if (result == STATUS_OK && tensor->bytes > 0)
        memcpy(tensor->data, from, tensor->bytes);
    return result;
}

/* ---- raw data, here or in another file ---- */

/* bytes lie in a mapped file or in the caller's memory. */
static status take_bytes(struct loader *loader, const uint8_t *bytes, bool mapped, struct tensor *out) {
    if (out->bytes == 0)
        return STATUS_OK;
    out->data = (void *)(uintptr_t)bytes;
    out->mapped = mapped;
    const bool misplaced = out->bytes <= COPY_BYTES_MAX && !tensor_aligned(out);
    if (!misplaced && !loader->copy_raw)
        return STATUS_OK;
    out->mapped = false;
    return load_tensor_copy(loader, out);
}

static status take_raw(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    const struct file_map *file = loader->files.maps[0];
    char text[SHAPE_TEXT_BYTES];
    if (out->dtype == DTYPE_STRING)
        return fail(loader->err, STATUS_INVALID_MODEL, "holds texts as raw data, which ONNX forbids");
    if (proto->raw_length != out->bytes)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "has %" PRIu64 " bytes of raw data, a %s tensor of shape %s has %zu", proto->raw_length,
                    dtype_name(out->dtype), shape_text(&out->shape, text), out->bytes);
    if (proto->raw_offset > file->bytes || proto->raw_length > file->bytes - proto->raw_offset)
        return fail(loader->err, STATUS_INVALID_MODEL, "has raw data outside of the file");
    return take_bytes(loader, out->bytes ? file->data + proto->raw_offset : NULL, file->mapped, out);
}

/* Where external data lies, as its keys say. */
struct external_place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

static bool parse_number(const char *text, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static status read_place(struct loader *loader, const Onnx__TensorProto *proto, struct external_place *place) {
    *place = (struct external_place){0};
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = load_or_empty(proto->external_data[i]->key);
        const char *value = load_or_empty(proto->external_data[i]->value);
        bool good = true;
        if (strcmp(key, "location") == 0)
            place->location = value;
        else if (strcmp(key, "offset") == 0)
            good = parse_number(value, &place->offset);
        else if (strcmp(key, "length") == 0)
            good = place->has_length = parse_number(value, &place->length);
        if (!good)
            return fail(loader->err, STATUS_INVALID_MODEL, "has external data whose %s is " QUOTED ", not a number",
                        key, value);
    }
    if (!place->location)
        return fail(loader->err, STATUS_INVALID_MODEL, "has external data without a location");
    return STATUS_OK;
}

static status take_external(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    struct external_place place;
    const struct file_map *file = NULL;
    char text[SHAPE_TEXT_BYTES];
    if (out->dtype == DTYPE_STRING)
        return fail(loader->err, STATUS_INVALID_MODEL, "holds texts as external data, which ONNX forbids");
    status result = read_place(loader, proto, &place);
    if (result == STATUS_OK)
        result = external_map(&loader->files, place.location, &file, loader->err);
    if (result != STATUS_OK)
        return result;
    if (place.has_length && place.length != out->bytes)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "has %" PRIu64 " bytes of external data, a %s tensor of shape %s has %zu", place.length,
                    dtype_name(out->dtype), shape_text(&out->shape, text), out->bytes);
    if (place.offset > file->bytes || out->bytes > file->bytes - place.offset)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "lies at byte %" PRIu64 " to %" PRIu64 " of external data " QUOTED ", which has %zu bytes",
                    place.offset, place.offset + out->bytes, place.location, file->bytes);
    return take_bytes(loader, out->bytes ? file->data + place.offset : NULL, file->mapped, out);
}

/* ---- typed data ---- */

static status out_of_range(struct loader *loader, const struct tensor *out, size_t i, int64_t value) {
    return fail(loader->err, STATUS_INVALID_MODEL, "has the number %" PRId64 " at %zu, which is no %s", value, i,
                dtype_name(out->dtype));
}

/* Smaller types stand as numbers or as bit patterns, so -1 and 255 are both right for a byte. */
static status take_int32s(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    const size_t size = dtype_size(out->dtype) ? dtype_size(out->dtype) : 1;
    const int64_t low = -((int64_t)1 << (8 * size - 1)), high = ((int64_t)1 << (8 * size)) - 1;
    uint8_t *bytes = out->data;
    for (size_t i = 0; i < proto->n_int32_data; i++) {
        int32_t value = proto->int32_data[i];
        if (value < low || value > high)
            return out_of_range(loader, out, i, value);
        if (out->dtype == DTYPE_BOOL)
            value = value != 0;
        memcpy(bytes + i * size, &value, size);
    }
    return STATUS_OK;
}

static status take_uint64s(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    const size_t size = dtype_size(out->dtype);
    uint8_t *bytes = out->data;
    for (size_t i = 0; i < proto->n_uint64_data; i++) {
        const uint64_t value = proto->uint64_data[i];
        if (size == 4 && value > UINT32_MAX)
            return out_of_range(loader, out, i, (int64_t)value);
        memcpy(bytes + i * size, &value, size);
    }
    return STATUS_OK;
}

static status take_texts(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    struct text *texts = out->data;
    for (size_t i = 0; i < proto->n_string_data; i++) {
        const ProtobufCBinaryData *item = &proto->string_data[i];
        const status result = pay(loader, item->len);
        if (result != STATUS_OK)
            return result;
        texts[i].bytes = pool_string(loader->pool, (const char *)item->data, item->len);
        texts[i].length = item->len;
        if (!texts[i].bytes)
            return fail_memory(loader->err, "a tensor of texts");
    }
    return STATUS_OK;
}

static status take_typed(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    const enum storage_field storage = storage_of(out->dtype);
    const size_t count = stored_count(proto, storage), needed = stored_needed(out);
    char text[SHAPE_TEXT_BYTES];
    if (count != needed)
        return fail(loader->err, STATUS_INVALID_MODEL, "has %zu numbers in %s, a %s tensor of shape %s needs %zu%s",
                    count, storage_names[storage], dtype_name(out->dtype), shape_text(&out->shape, text), needed,
                    count ? "" : " (its data is missing)");
    const status result = load_tensor_room(loader, out);
    if (result != STATUS_OK || out->bytes == 0)
        return result;
    switch (storage) {
    case STORED_FLOATS:
        memcpy(out->data, proto->float_data, out->bytes);
        return STATUS_OK;
    case STORED_DOUBLES:
        memcpy(out->data, proto->double_data, out->bytes);
        return STATUS_OK;
    case STORED_INT64S:
        memcpy(out->data, proto->int64_data, out->bytes);
        return STATUS_OK;
    case STORED_UINT64S:
        return take_uint64s(loader, proto, out);
    case STORED_TEXTS:
        return take_texts(loader, proto, out);
    default:
        return take_int32s(loader, proto, out);
    }
}

/* The data must stand in one place only, and in one that its type allows. */
static status check_one_place(struct loader *loader, const Onnx__TensorProto *proto, const struct tensor *out) {
    const bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    if (!external && proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return fail(loader->err, STATUS_INVALID_MODEL, "has the unknown data location %" PRId32, proto->data_location);
    if (external && proto->has_raw_length && proto->raw_length > 0)
        return fail(loader->err, STATUS_INVALID_MODEL, "has raw data beside external data");
    for (int i = 0; i < STORED_COUNT; i++)
        if (stored_count(proto, (enum storage_field)i) > 0 &&
            (external || proto->has_raw_length || storage_of(out->dtype) != (enum storage_field)i))
            return fail(loader->err, STATUS_INVALID_MODEL, "of type %s has data in %s, which is not its place",
                        dtype_name(out->dtype), storage_names[i]);
    return STATUS_OK;
}

status load_tensor(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out) {
    if (proto->segment)
        return fail(loader->err, STATUS_UNSUPPORTED, "is split into segments, which limner does not read");
    status result = load_tensor_shape(loader, proto->data_type, proto->n_dims, proto->dims, out);
    if (result == STATUS_OK)
        result = check_one_place(loader, proto, out);
    if (result != STATUS_OK)
        return result;
    if (proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return take_external(loader, proto, out);
    return (proto->has_raw_length ? take_raw : take_typed)(loader, proto, out);
}
