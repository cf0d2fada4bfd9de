#include "onnx/save/save_attribute.h"

#include "onnx/save/save_graph.h"
#include "onnx/save/save_tensor.h"

static ProtobufCBinaryData text_bytes(const struct text *text) {
    return (ProtobufCBinaryData){.len = text->length, .data = (uint8_t *)unconst(text->bytes)};
}

static status save_texts(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto *proto) {
    proto->strings = saver_array(saver, attribute->count, sizeof *proto->strings);
    if (!proto->strings)
        return STATUS_NO_MEMORY;
    proto->n_strings = attribute->count;
    for (size_t i = 0; i < attribute->count; i++)
        proto->strings[i] = text_bytes(&attribute->strings[i]);
    return STATUS_OK;
}

static status save_tensors(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto *proto) {
    proto->tensors = saver_array(saver, attribute->count, sizeof *proto->tensors);
    if (!proto->tensors)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < attribute->count; i++) {
        const status result = save_tensor(saver, &attribute->tensors[i], NULL, false, &proto->tensors[i]);
        if (result != STATUS_OK)
            return result;
    }
    proto->n_tensors = attribute->count;
    return STATUS_OK;
}

static status save_graphs(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto *proto) {
    proto->graphs = saver_array(saver, attribute->count, sizeof *proto->graphs);
    if (!proto->graphs)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < attribute->count; i++) {
        const status result = save_graph(saver, attribute->graphs[i], &proto->graphs[i]);
        if (result != STATUS_OK)
            return result;
    }
    proto->n_graphs = attribute->count;
    return STATUS_OK;
}

static status save_types(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto *proto) {
    proto->type_protos = saver_array(saver, attribute->count, sizeof *proto->type_protos);
    if (!proto->type_protos)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < attribute->count; i++) {
        const status result = save_encoded(saver, &attribute->strings[i], &proto->type_protos[i]);
        if (result != STATUS_OK)
            return result;
    }
    proto->n_type_protos = attribute->count;
    return STATUS_OK;
}

static status save_payload(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto *proto) {
    switch (attribute->type) {
    case ATTRIBUTE_FLOAT:
        proto->has_f = true;
        proto->f = attribute->f;
        return STATUS_OK;
    case ATTRIBUTE_INT:
        proto->has_i = true;
        proto->i = attribute->i;
        return STATUS_OK;
    case ATTRIBUTE_STRING:
        proto->has_s = true;
        proto->s = text_bytes(&attribute->s);
        return STATUS_OK;
    case ATTRIBUTE_TENSOR:
        return save_tensor(saver, attribute->tensor, NULL, false, &proto->t);
    case ATTRIBUTE_GRAPH:
        return save_graph(saver, attribute->graph, &proto->g);
    case ATTRIBUTE_FLOATS:
        proto->n_floats = attribute->count;
        proto->floats = (float *)(uintptr_t)attribute->floats;
        return STATUS_OK;
    case ATTRIBUTE_INTS:
        proto->n_ints = attribute->count;
        proto->ints = (int64_t *)(uintptr_t)attribute->ints;
        return STATUS_OK;
    case ATTRIBUTE_STRINGS:
        return save_texts(saver, attribute, proto);
    case ATTRIBUTE_TENSORS:
        return save_tensors(saver, attribute, proto);
    case ATTRIBUTE_GRAPHS:
        return save_graphs(saver, attribute, proto);
    case ATTRIBUTE_TYPE_PROTO:
        return save_encoded(saver, &attribute->s, &proto->tp);
    case ATTRIBUTE_TYPE_PROTOS:
        return save_types(saver, attribute, proto);
    default:
        return fail(saver->err, STATUS_INVALID_ARGUMENT, "has type %d, which cannot be saved", (int)attribute->type);
    }
}

status save_attribute(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto **out) {
    NEW_MESSAGE(out, Onnx__AttributeProto, onnx__attribute_proto__init);
    Onnx__AttributeProto *proto = *out;
    proto->name = unconst(attribute->name);
    proto->has_type = true;
    proto->type = (int32_t)attribute->type;
    proto->ref_attr_name = unconst(attribute->reference);
    if (attribute->reference)
        return STATUS_OK;
    const status result = save_payload(saver, attribute, proto);
    return result == STATUS_OK ? result : fail_prefix(saver->err, "attribute \"%.200s\"", attribute->name);
}
