/* Attributes of nodes: their types, refusals, sparse ones. */
#include "onnx/load/load.h"
#include "tests/support/proto.h"
#include "tests/support/support.h"

#include <stdlib.h>

/* ---- attributes ---- */

static struct proto attribute_model(struct proto *attribute, int times) {
    struct proto graph = {0}, attributes = {0};
    for (int i = 0; i < times; i++)
        proto_bytes(&attributes, NODE_ATTRIBUTE, attribute->bytes, attribute->size);
    proto_free(attribute);
    proto_node(&graph, GRAPH_NODE, "Op", "n", "", "y", &attributes);
    proto_value(&graph, GRAPH_OUTPUT, "y", 0);
    return proto_model(&graph);
}

/* Old exporters leave the type out. */
static void finds_the_type_of_an_attribute(void **state) {
    (void)state;
    struct proto attribute = {0};
    void *data;
    proto_text(&attribute, ATTRIBUTE_NAME, "axes");
    for (int i = 0; i < 3; i++)
        proto_int(&attribute, ATTRIBUTE_INT_LIST, i - 1);
    struct proto proto = attribute_model(&attribute, 1);
    struct onnx_model *model = proto_load(&proto, &data);
    const struct attribute *axes = &model->graph->nodes[0].attributes[0];
    assert_int_equal(axes->type, ATTRIBUTE_INTS);
    assert_int_equal(axes->count, 3);
    assert_int_equal(axes->ints[0], -1);
    assert_int_equal(axes->ints[2], 1);
    onnx_close(model);
    free(data);

    proto_text(&attribute, ATTRIBUTE_NAME, "both");
    proto_int(&attribute, ATTRIBUTE_I, 1);
    proto_float(&attribute, ATTRIBUTE_F, 1);
    struct proto both = attribute_model(&attribute, 1);
    proto_refused(&both, NULL, STATUS_INVALID_MODEL, "attribute \"both\": has no type and not exactly one value");
}

static void refuses_bad_attributes(void **state) {
    (void)state;
    struct proto attribute = {0};
    proto_text(&attribute, ATTRIBUTE_NAME, "axis");
    proto_int(&attribute, ATTRIBUTE_I, 1);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_INT);
    struct proto twice = attribute_model(&attribute, 2);
    proto_refused(&twice, NULL, STATUS_INVALID_MODEL, "Op \"n\": attribute \"axis\" stands there twice");
    proto_int(&attribute, ATTRIBUTE_I, 1);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_INT);
    struct proto nameless = attribute_model(&attribute, 1);
    proto_refused(&nameless, NULL, STATUS_INVALID_MODEL, "has no name");
    proto_text(&attribute, ATTRIBUTE_NAME, "body");
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_GRAPH);
    struct proto empty = attribute_model(&attribute, 1);
    proto_refused(&empty, NULL, STATUS_INVALID_MODEL, "attribute \"body\": has a type but no value");
    proto_text(&attribute, ATTRIBUTE_NAME, "a");
    proto_int(&attribute, ATTRIBUTE_TYPE, 99);
    struct proto unknown = attribute_model(&attribute, 1);
    proto_refused(&unknown, NULL, STATUS_UNSUPPORTED, "attribute \"a\": has type 99");
    proto_text(&attribute, ATTRIBUTE_NAME, "a");
    proto_text(&attribute, ATTRIBUTE_REFERENCE, "b");
    struct proto reference = attribute_model(&attribute, 1);
    proto_refused(&reference, NULL, STATUS_INVALID_MODEL, "outside of a function");
}

/* Constant's sparse_value becomes a dense value. */
static void makes_sparse_attributes_dense(void **state) {
    (void)state;
    struct proto attribute = {0}, sparse = {0}, values = proto_tensor("", DTYPE_FLOAT, 1, 1);
    struct proto indices = proto_tensor("", DTYPE_INT64, 1, 1);
    void *data;
    proto_float(&values, TENSOR_FLOATS, 5);
    proto_int(&indices, TENSOR_INT64S, 2);
    proto_add(&sparse, SPARSE_VALUES, &values);
    proto_add(&sparse, SPARSE_INDICES, &indices);
    proto_int(&sparse, SPARSE_DIMS, 3);
    proto_text(&attribute, ATTRIBUTE_NAME, "sparse_value");
    proto_add(&attribute, ATTRIBUTE_SPARSE, &sparse);
    proto_int(&attribute, ATTRIBUTE_TYPE, ATTRIBUTE_SPARSE_TENSOR);
    struct proto proto = attribute_model(&attribute, 1);
    struct onnx_model *model = proto_load(&proto, &data);
    const struct attribute *value = &model->graph->nodes[0].attributes[0];
    const float expected[] = {0, 0, 5};
    assert_string_equal(value->name, "value");
    assert_int_equal(value->type, ATTRIBUTE_TENSOR);
    assert_memory_equal(value->tensor->data, expected, sizeof expected);
    onnx_close(model);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_type_of_an_attribute),
                                       cmocka_unit_test(refuses_bad_attributes),
                                       cmocka_unit_test(makes_sparse_attributes_dense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}