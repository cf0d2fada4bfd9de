/* Writes protobuf by hand, field by field, so that tests can make any ONNX file, broken ones included. */
#ifndef LIMNER_TESTS_SUPPORT_PROTO_H
#define LIMNER_TESTS_SUPPORT_PROTO_H

#include "onnx/model.h"

#include <stddef.h>
#include <stdint.h>

/* A message being written; zeroed is an empty one. */
struct proto {
    uint8_t *bytes;
    size_t size, capacity;
};

void proto_free(struct proto *proto);
void proto_raw(struct proto *proto, const void *bytes, size_t size);
void proto_varint(struct proto *proto, uint64_t value);
void proto_key(struct proto *proto, unsigned field, unsigned wire_type);
void proto_int(struct proto *proto, unsigned field, int64_t value);
void proto_float(struct proto *proto, unsigned field, float value);
void proto_bytes(struct proto *proto, unsigned field, const void *bytes, size_t size);
void proto_text(struct proto *proto, unsigned field, const char *text);
/* Appends the child as a submessage and frees it. */
void proto_add(struct proto *proto, unsigned field, struct proto *child);

/* The numbers of the fields that tests use. */
enum {
    MODEL_IR = 1,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    MODEL_FUNCTION = 25,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13,
    GRAPH_SPARSE = 15,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_G = 6,
    ATTRIBUTE_INT_LIST = 8,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_REFERENCE = 21,
    ATTRIBUTE_SPARSE = 22,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S = 5,
    TENSOR_TEXTS = 6,
    TENSOR_INT64S = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_DOUBLES = 10,
    TENSOR_UINT64S = 11,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    SPARSE_VALUES = 1,
    SPARSE_INDICES = 2,
    SPARSE_DIMS = 3,
    FUNCTION_NAME = 1,
    FUNCTION_INPUT = 4,
    FUNCTION_OUTPUT = 5,
    FUNCTION_ATTRIBUTE = 6,
    FUNCTION_NODE = 7,
    FUNCTION_OPSET = 9,
    FUNCTION_DOMAIN = 10,
    FUNCTION_DEFAULT = 11
};

/* A ValueInfoProto of a float tensor; count dims follow, -1 for a free one. */
void proto_value(struct proto *graph, unsigned field, const char *name, int count, ...);
/* A node; names are separated by single spaces ("a b"), "-" stands for a name left out. attributes may be NULL, and is
   appended as it is and freed. */
void proto_node(struct proto *graph, unsigned field, const char *op, const char *name, const char *inputs,
                const char *outputs, struct proto *attributes);
/* For proto_node's attributes. */
void proto_int_attribute(struct proto *attributes, const char *name, int64_t value);
void proto_graph_attribute(struct proto *attributes, const char *name, struct proto *graph);
void proto_reference(struct proto *attributes, const char *name, const char *reference, enum attribute_type type);
/* An operator set import. */
void proto_opset(struct proto *message, unsigned field, const char *domain, int64_t version);
/* Name, type and dims of a TensorProto. */
struct proto proto_tensor(const char *name, int type, int count, ...);
/* A float initializer with `count` ones as raw data. */
void proto_initializer(struct proto *graph, const char *name, int count);
/* A model of IR version 8 and operator set 17 around the graph, which it frees. */
struct proto proto_model(struct proto *graph);

/* Loads the bytes, frees them, and fails the test unless it works. The copy that the model reads is in *data. */
struct onnx_model *proto_load(struct proto *model, void **data);
/* Loads the bytes, frees them, and fails the test unless that ends in this status with these words in the message. */
void proto_refused(struct proto *model, const struct load_limits *limits, status expected, const char *words);

#endif
