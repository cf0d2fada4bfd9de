#include "onnx/save/save_graph.h"

#include "onnx/save/save_attribute.h"
#include "onnx/save/save_tensor.h"

#include <inttypes.h>
#include <string.h>

/* ---- types ---- */

/* protobuf-c says NULL to bad bytes and to no memory alike. */
struct unpacking {
    struct pool *pool;
    bool no_memory;
};

static void *allocate_in_pool(void *data, size_t bytes) {
    struct unpacking *unpacking = data;
    void *memory = pool_alloc(unpacking->pool, bytes);
    unpacking->no_memory |= !memory;
    return memory;
}
static void free_in_pool(void *data, void *memory) {
    (void)data;
    (void)memory;
}

status save_encoded(struct saver *saver, const struct text *encoded, Onnx__TypeProto **out) {
    struct unpacking unpacking = {.pool = saver->pool};
    ProtobufCAllocator allocator = {.alloc = allocate_in_pool, .free = free_in_pool, .allocator_data = &unpacking};
    *out = onnx__type_proto__unpack(&allocator, encoded->length, (const uint8_t *)encoded->bytes);
    if (unpacking.no_memory)
        return fail_memory(saver->err, "saving the model");
    return *out ? STATUS_OK : fail(saver->err, STATUS_INVALID_ARGUMENT, "the bytes of a type are not a TypeProto");
}

static status save_dim(struct saver *saver, const struct dim *dim, Onnx__TensorShapeProto__Dimension **out) {
    NEW_MESSAGE(out, Onnx__TensorShapeProto__Dimension, onnx__tensor_shape_proto__dimension__init);
    if (dim->size >= 0) {
        (*out)->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        (*out)->dim_value = dim->size;
    } else if (dim->name) {
        (*out)->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        (*out)->dim_param = unconst(dim->name);
    }
    return STATUS_OK;
}

static status save_shape(struct saver *saver, const struct declared_type *type, Onnx__TensorShapeProto **out) {
    if (type->rank < 0)
        return STATUS_OK;
    NEW_MESSAGE(out, Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    (*out)->n_dim = (size_t)type->rank;
    (*out)->dim = saver_array(saver, (size_t)type->rank, sizeof *(*out)->dim);
    if (!(*out)->dim)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < type->rank; i++) {
        const status result = save_dim(saver, &type->dims[i], &(*out)->dim[i]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

status save_type(struct saver *saver, const struct declared_type *type, Onnx__TypeProto **out) {
    if (type->other)
        return save_encoded(saver, &type->encoded, out);
    if (type->dtype == DTYPE_UNDEFINED && type->rank < 0)
        return STATUS_OK;
    NEW_MESSAGE(out, Onnx__TypeProto, onnx__type_proto__init);
    (*out)->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    NEW_MESSAGE(&(*out)->tensor_type, Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    (*out)->tensor_type->has_elem_type = true;
    (*out)->tensor_type->elem_type = (int32_t)type->dtype;
    return save_shape(saver, type, &(*out)->tensor_type->shape);
}

static status save_value(struct saver *saver, const struct value *value, Onnx__ValueInfoProto **out) {
    NEW_MESSAGE(out, Onnx__ValueInfoProto, onnx__value_info_proto__init);
    (*out)->name = unconst(value->name);
    (*out)->doc_string = unconst(value->doc);
    return save_type(saver, &value->type, &(*out)->type);
}

/* ---- nodes ---- */

static char *value_name(const struct graph *graph, int index) {
    return unconst(index == NO_VALUE ? "" : graph->values[index].name);
}

static status save_edges(struct saver *saver, const struct graph *graph, const int *values, int count, char ***out,
                         size_t *out_count) {
    *out = saver_array(saver, (size_t)count, sizeof **out);
    if (!*out)
        return STATUS_NO_MEMORY;
    *out_count = (size_t)count;
    for (int i = 0; i < count; i++)
        (*out)[i] = value_name(graph, values[i]);
    return STATUS_OK;
}

static status save_node(struct saver *saver, const struct graph *graph, const struct node *node,
                        Onnx__NodeProto **out) {
    NEW_MESSAGE(out, Onnx__NodeProto, onnx__node_proto__init);
    Onnx__NodeProto *proto = *out;
    if (node->opset)
        return fail(saver->err, STATUS_UNSUPPORTED,
                    "%.100s \"%.200s\" comes from a function of another operator set than the model's, which a graph "
                    "cannot say",
                    node->op_type, node->name);
    proto->name = unconst(node->name);
    proto->op_type = unconst(node->op_type);
    proto->domain = unconst(node->domain);
    proto->overload = node->overload && *node->overload ? unconst(node->overload) : NULL;
    proto->doc_string = unconst(node->doc);
    status result = save_edges(saver, graph, node->inputs, node->input_count, &proto->input, &proto->n_input);
    if (result == STATUS_OK)
        result = save_edges(saver, graph, node->outputs, node->output_count, &proto->output, &proto->n_output);
    if (result == STATUS_OK)
        result = save_metadata(saver, node->metadata, node->metadata_count, &proto->metadata_props,
                               &proto->n_metadata_props);
    proto->attribute = saver_array(saver, (size_t)node->attribute_count, sizeof *proto->attribute);
    if (!proto->attribute)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < node->attribute_count && result == STATUS_OK; i++) {
        result = save_attribute(saver, &node->attributes[i], &proto->attribute[i]);
        proto->n_attribute++;
    }
    return result == STATUS_OK ? result : fail_prefix(saver->err, "%.100s \"%.200s\"", node->op_type, node->name);
}

static status save_nodes(struct saver *saver, const struct graph *graph, Onnx__GraphProto *proto) {
    proto->node = saver_array(saver, (size_t)graph->node_count, sizeof *proto->node);
    if (!proto->node)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < graph->node_count; i++) {
        const status result = save_node(saver, graph, &graph->nodes[i], &proto->node[proto->n_node++]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

/* ---- values ---- */

static status save_listed(struct saver *saver, const struct graph *graph, const int *values, int count,
                          Onnx__ValueInfoProto ***out, size_t *out_count) {
    *out = saver_array(saver, (size_t)count, sizeof **out);
    if (!*out)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        const status result = save_value(saver, &graph->values[values[i]], &(*out)[i]);
        if (result != STATUS_OK)
            return result;
    }
    *out_count = (size_t)count;
    return STATUS_OK;
}

/* Whether the file says something of the value that no other list holds. */
static bool has_info(const struct value *value) {
    const struct declared_type *type = &value->type;
    return !value->is_input && !value->is_output && !value->is_captured &&
           (value->doc || type->other || type->dtype != DTYPE_UNDEFINED || type->rank >= 0);
}

static status save_value_infos(struct saver *saver, const struct graph *graph, Onnx__GraphProto *proto) {
    proto->value_info = saver_array(saver, (size_t)graph->value_count, sizeof *proto->value_info);
    if (!proto->value_info)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < graph->value_count; i++) {
        if (!has_info(&graph->values[i]))
            continue;
        const status result = save_value(saver, &graph->values[i], &proto->value_info[proto->n_value_info++]);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status save_initializers(struct saver *saver, const struct graph *graph, Onnx__GraphProto *proto) {
    size_t count = 0;
    for (int i = 0; i < graph->value_count; i++)
        count += graph->values[i].initializer != NULL;
    proto->initializer = saver_array(saver, count, sizeof *proto->initializer);
    if (!proto->initializer)
        return STATUS_NO_MEMORY;
    for (int i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        if (!value->initializer)
            continue;
        const status result =
            save_tensor(saver, value->initializer, value->name, true, &proto->initializer[proto->n_initializer++]);
        if (result != STATUS_OK)
            return fail_prefix(saver->err, "initializer \"%.200s\"", value->name);
    }
    return STATUS_OK;
}

status save_graph(struct saver *saver, const struct graph *graph, Onnx__GraphProto **out) {
    NEW_MESSAGE(out, Onnx__GraphProto, onnx__graph_proto__init);
    Onnx__GraphProto *proto = *out;
    proto->name = unconst(graph->name);
    proto->doc_string = unconst(graph->doc);
    status result = save_nodes(saver, graph, proto);
    if (result == STATUS_OK)
        result = save_initializers(saver, graph, proto);
    if (result == STATUS_OK)
        result = save_listed(saver, graph, graph->inputs, graph->input_count, &proto->input, &proto->n_input);
    if (result == STATUS_OK)
        result = save_listed(saver, graph, graph->outputs, graph->output_count, &proto->output, &proto->n_output);
    if (result == STATUS_OK)
        result = save_value_infos(saver, graph, proto);
    if (result == STATUS_OK)
        result = save_metadata(saver, graph->metadata, graph->metadata_count, &proto->metadata_props,
                               &proto->n_metadata_props);
    return result;
}
