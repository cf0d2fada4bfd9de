#include "onnx/save/save_tensor.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE_BYTES 4096
#define LINE_BYTES 64

static status save_entry(struct saver *saver, const char *key, const char *value, Onnx__StringStringEntryProto **out) {
    NEW_MESSAGE(out, Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);
    (*out)->key = unconst(key);
    (*out)->value = unconst(value);
    return value ? STATUS_OK : fail_memory(saver->err, "saving");
}

status save_metadata(struct saver *saver, const struct metadata *metadata, int count,
                     Onnx__StringStringEntryProto ***out, size_t *out_count) {
    *out = saver_array(saver, (size_t)count, sizeof **out);
    if (!*out)
        return STATUS_NO_MEMORY;
    *out_count = (size_t)count;
    for (int i = 0; i < count; i++) {
        const status result = save_entry(saver, metadata[i].key, metadata[i].value, &(*out)[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* Large weights start on a page, so that they can be mapped; small ones on a cache line. */
static status move_data(struct saver *saver, const struct tensor *tensor, Onnx__TensorProto *proto) {
    output_align(saver->weights, tensor->bytes >= 16 * PAGE_BYTES ? PAGE_BYTES : LINE_BYTES);
    const char *offset = pool_format(saver->pool, "%" PRIu64, saver->weights->written);
    const char *length = pool_format(saver->pool, "%zu", tensor->bytes);
    output_write(saver->weights, tensor->data, tensor->bytes);
    proto->has_data_location = true;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    proto->external_data = saver_array(saver, 3, sizeof *proto->external_data);
    if (!proto->external_data)
        return STATUS_NO_MEMORY;
    proto->n_external_data = 3;
    status result = save_entry(saver, "location", saver->external, &proto->external_data[0]);
    if (result == STATUS_OK)
        result = save_entry(saver, "offset", offset, &proto->external_data[1]);
    if (result == STATUS_OK)
        result = save_entry(saver, "length", length, &proto->external_data[2]);
    return result;
}

static status save_texts(struct saver *saver, const struct tensor *tensor, Onnx__TensorProto *proto) {
    const struct text *texts = tensor->data;
    proto->n_string_data = (size_t)tensor_elements(tensor);
    proto->string_data = saver_array(saver, proto->n_string_data, sizeof *proto->string_data);
    if (!proto->string_data)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < proto->n_string_data; i++)
        proto->string_data[i] =
            (ProtobufCBinaryData){.len = texts[i].length, .data = (uint8_t *)unconst(texts[i].bytes)};
    return STATUS_OK;
}

static status check_tensor(struct saver *saver, const struct tensor *tensor) {
    size_t bytes;
    if (!tensor_size(tensor->dtype, &tensor->shape, &bytes) || bytes != tensor->bytes)
        return fail(saver->err, STATUS_INVALID_ARGUMENT, "the size of a tensor does not fit its type and shape");
    if (bytes > 0 && !tensor->data)
        return fail(saver->err, STATUS_INVALID_ARGUMENT, "a tensor has no data");
    return STATUS_OK;
}

status save_tensor(struct saver *saver, const struct tensor *tensor, const char *name, bool may_move,
                   Onnx__TensorProto **out) {
    const status result = check_tensor(saver, tensor);
    if (result != STATUS_OK)
        return result;
    NEW_MESSAGE(out, Onnx__TensorProto, onnx__tensor_proto__init);
    Onnx__TensorProto *proto = *out;
    proto->name = unconst(name);
    proto->has_data_type = true;
    proto->data_type = (int32_t)tensor->dtype;
    proto->n_dims = (size_t)tensor->shape.rank;
    proto->dims = (int64_t *)(uintptr_t)tensor->shape.dims;
    if (tensor->dtype == DTYPE_STRING)
        return save_texts(saver, tensor, proto);
    if (may_move && saver->external && tensor->bytes >= saver->external_from)
        return move_data(saver, tensor, proto);
    proto->has_raw_data = true;
    proto->raw_data = (ProtobufCBinaryData){.len = tensor->bytes, .data = tensor->data};
    return STATUS_OK;
}
