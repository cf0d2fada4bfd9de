/* Models that are damaged: cut, flipped, broken on the wire, nested without end. */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "tests/support/proto.h"
#include "tests/support/small_model.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- damage ---- */

static void load_damaged(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1); /* so that the sanitizer sees a read behind the end */
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_load_memory(copy, size, NULL, NULL, &model, &err) == STATUS_OK)
        assert_non_null(model->graph);
    else
        assert_true(err.message[0] != 0 && !model);
    onnx_close(model);
    free(copy);
}

/* The small model, a subgraph and a function in one: every kind of message is damaged. */
static struct proto rich_model(void) {
    struct proto then_graph = {0}, else_graph = {0}, attributes = {0}, graph = {0}, function = {0}, call = {0};
    proto_node(&then_graph, GRAPH_NODE, "Relu", "t", "x", "a", NULL);
    proto_value(&then_graph, GRAPH_OUTPUT, "a", 1, 3);
    proto_node(&else_graph, GRAPH_NODE, "Abs", "e", "x", "b", NULL);
    proto_value(&else_graph, GRAPH_OUTPUT, "b", 1, 3);
    proto_graph_attribute(&attributes, "then_branch", &then_graph);
    proto_graph_attribute(&attributes, "else_branch", &else_graph);
    proto_node(&graph, GRAPH_NODE, "If", "if", "c", "i", &attributes);
    proto_int_attribute(&call, "axis", 1);
    proto_node(&graph, GRAPH_NODE, "mine.F", "call", "i", "z", &call);
    struct proto c = proto_tensor("c", DTYPE_BOOL, 0);
    proto_bytes(&c, TENSOR_INT32S, "\1", 1);
    proto_add(&graph, GRAPH_INITIALIZER, &c);
    proto_value(&graph, GRAPH_INPUT, "x", 1, 3);
    proto_value(&graph, GRAPH_OUTPUT, "z", 1, 3);
    proto_text(&function, FUNCTION_NAME, "F");
    proto_text(&function, FUNCTION_DOMAIN, "mine");
    proto_text(&function, FUNCTION_INPUT, "in");
    proto_text(&function, FUNCTION_OUTPUT, "out");
    proto_text(&function, FUNCTION_ATTRIBUTE, "axis");
    proto_opset(&function, FUNCTION_OPSET, "", 17);
    proto_reference(&attributes, "axis", "axis", ATTRIBUTE_INT);
    proto_node(&function, FUNCTION_NODE, "Softmax", "s", "in", "out", &attributes);
    struct proto model = proto_model(&graph);
    proto_add(&model, MODEL_FUNCTION, &function);
    return model;
}

static void survives_truncation_at_every_byte(void **state) {
    (void)state;
    struct proto models[] = {small_model(), rich_model()};
    for (size_t i = 0; i < 2; i++) {
        for (size_t size = 0; size <= models[i].size; size++)
            load_damaged(models[i].bytes, size);
        proto_free(&models[i]);
    }
}

static void survives_every_single_bit_flip(void **state) {
    (void)state;
    struct proto models[] = {small_model(), rich_model()};
    for (size_t i = 0; i < 2; i++) {
        for (size_t bit = 0; bit < 8 * models[i].size; bit++) {
            models[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            load_damaged(models[i].bytes, models[i].size);
            models[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        proto_free(&models[i]);
    }
}

static void survives_random_damage(void **state) {
    (void)state;
    print_message("LIMNER_TEST_SEED=%llu\n", (unsigned long long)test_seed());
    struct random random = random_from(test_seed());
    struct proto model = rich_model();
    uint8_t *copy = malloc(model.size);
    assert_non_null(copy);
    for (int round = 0; round < 3000; round++) {
        memcpy(copy, model.bytes, model.size);
        for (int64_t hits = random_int(&random, 1, 6); hits > 0; hits--)
            copy[random_int(&random, 0, (int64_t)model.size - 1)] = (uint8_t)random_next(&random);
        load_damaged(copy, model.size);
    }
    free(copy);
    proto_free(&model);
}

static void a_cut_file_is_told_where(void **state) {
    (void)state;
    struct proto model = small_model();
    model.size -= 5;
    proto_refused(&model, NULL, STATUS_INVALID_MODEL, "the file is cut off or damaged");
}

/* ---- protobuf that no ONNX writer makes ---- */

static struct proto from_bytes(const void *bytes, size_t size) {
    struct proto proto = {0};
    proto_raw(&proto, bytes, size);
    return proto;
}

static void refuses_broken_wire(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } cases[] = {
        {"", 0, "the file is empty"},
        {"\x02\x00", 2, "impossible number 0"},
        {"\x0b\x0c", 2, "wire type 3"},
        {"\x0c", 1, "wire type 4"},
        {"\x0e\x00", 2, "wire type 6"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, "field ir_version of ModelProto needs"},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, "ends inside the key"},
        {"\x88\x80\x80\x80\x80\x01\x00", 7, "impossible number"},
        {"\x0a\x01\x00", 3, "wire type 2 instead of 0"},
        {"\x38\x01", 2, "wire type 0 instead of 2"},
        {"\x3a\x7f\x00", 3, "needs 127 bytes where 1 are left"},
        {"\x3a\x02\x00", 3, "needs 2 bytes where 1 are left"},
        {"\x3a\x02\x0a\x01\x00", 5, "needs 1 bytes where 0 are left"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "needs 18446744073709551615 bytes"},
        {"\x3a\x00\x3a\x00", 4, "stands there twice"},
        {"\x12\x03"
         "a\0b",
         5, "zero byte"},
        {"%PNG\r\n\x1a\n", 8, ""},
        {"\x08\x08", 2, "no graph"},
        {"\x3a\x00", 2, "no ir_version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto model = from_bytes(cases[i].bytes, cases[i].size);
        proto_refused(&model, NULL, STATUS_INVALID_MODEL, cases[i].words);
    }
}

/* The fields that the scan itself writes must not come from the file. */
static void refuses_the_scans_own_fields(void **state) {
    (void)state;
    for (unsigned field = 1000; field <= 1001; field++) {
        struct proto graph = {0}, tensor = proto_tensor("w", DTYPE_FLOAT, 1, 1);
        proto_int(&tensor, field, 0);
        proto_add(&graph, GRAPH_INITIALIZER, &tensor);
        struct proto model = proto_model(&graph);
        proto_refused(&model, NULL, STATUS_INVALID_MODEL, "is not part of ONNX");
    }
}

/* ---- limits ---- */

/* `levels` If-like nodes within each other. */
static struct proto nested_model(int levels) {
    struct proto graph = {0}, attributes = {0};
    for (int i = levels; i >= 0; i--) {
        struct proto outer = {0};
        if (i < levels)
            proto_graph_attribute(&attributes, "body", &graph);
        proto_node(&outer, GRAPH_NODE, "Op", "n", "", "o", i < levels ? &attributes : NULL);
        proto_value(&outer, GRAPH_OUTPUT, "o", 0);
        graph = outer;
    }
    return proto_model(&graph);
}

static void bounds_nesting(void **state) {
    (void)state;
    struct proto fits = nested_model(16), deep = nested_model(17), abyss = nested_model(2000);
    void *data;
    onnx_close(proto_load(&fits, &data));
    free(data);
    proto_refused(&deep, NULL, STATUS_LIMIT, "limit nesting");
    proto_refused(&abyss, NULL, STATUS_LIMIT, "limit nesting");

    struct proto most = nested_model(64), more = nested_model(65);
    const struct load_limits limits = {.nesting = 1000000};
    struct error err;
    struct onnx_model *model = NULL;
    assert_int_equal(onnx_load_memory(most.bytes, most.size, NULL, &limits, &model, &err), STATUS_OK);
    onnx_close(model);
    proto_free(&most);
    proto_refused(&more, &limits, STATUS_LIMIT, "limit nesting");
}

/* Types can nest too: a sequence of sequences of ... */
static void bounds_types_within_types(void **state) {
    (void)state;
    struct proto graph = {0}, value = {0}, type = {0};
    for (int i = 0; i < 5000; i++) {
        struct proto sequence = {0}, outer = {0};
        proto_add(&sequence, 1, &type);
        proto_add(&outer, 4, &sequence);
        type = outer;
    }
    proto_text(&value, 1, "x");
    proto_add(&value, 2, &type);
    proto_add(&graph, GRAPH_INPUT, &value);
    struct proto model = proto_model(&graph);
    proto_refused(&model, NULL, STATUS_LIMIT, "types nested deeper");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives_truncation_at_every_byte),
                                       cmocka_unit_test(survives_every_single_bit_flip),
                                       cmocka_unit_test(survives_random_damage),
                                       cmocka_unit_test(a_cut_file_is_told_where),
                                       cmocka_unit_test(refuses_broken_wire),
                                       cmocka_unit_test(refuses_the_scans_own_fields),
                                       cmocka_unit_test(bounds_nesting),
                                       cmocka_unit_test(bounds_types_within_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}