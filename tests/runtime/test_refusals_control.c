/*
 * No memory while a model with subgraphs is compiled, planned and run: a clean error each time, and a session that
 * works as before.
 */
#include "runtime/session/model.h"
#include "tests/support/builder.h"
#include "tests/support/refuse.h"

#include <errno.h>
#include <string.h>

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM};

/* The body of a Loop: next = Concat(v, x), part = Conv(x, k) or what a branch makes of x. */
static struct builder loop_body(const struct builder *outer) {
    struct builder body = build_loop_body(outer), then = build_body(&body), other = build_body(&body);
    build_captured(&then, "x k");
    build_node(&then, "Conv", "x k", "t");
    build_output(&then, "t");
    build_captured(&other, "x");
    build_node(&other, "Neg", "x", "o");
    build_output(&other, "o");
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_captured(&body, "x k zero");
    build_node(&body, "Concat", "v x", "next");
    build_attribute_int(&body, "axis", 0);
    build_node(&body, "Equal", "i zero", "first");
    build_node(&body, "If", "first", "part");
    build_attribute_graph(&body, "then_branch", &then);
    build_attribute_graph(&body, "else_branch", &other);
    build_output(&body, "next");
    build_output(&body, "part");
    return body;
}

/* The body of a Scan: a running sum. */
static struct builder scan_body(const struct builder *outer) {
    struct builder body = build_body(outer);
    build_input(&body, "s", DTYPE_FLOAT, NULL);
    build_input(&body, "r", DTYPE_FLOAT, NULL);
    build_node(&body, "Add", "s r", "sum");
    build_node(&body, "Identity", "sum", "out");
    build_output(&body, "sum");
    build_output(&body, "out");
    return body;
}

static struct builder network(void) {
    struct random random = random_from(1);
    const int64_t zero = 0;
    const unsigned char yes = 1;
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "1 4 3 3");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_random(&b, "k", "4 4 1 1", &random);
    build_constant(&b, "zero", &(struct tensor){.dtype = DTYPE_INT64, .data = (void *)&zero, .bytes = sizeof zero});
    build_constant(&b, "yes", &(struct tensor){.dtype = DTYPE_BOOL, .data = (void *)&yes, .bytes = 1});
    const struct builder loop = loop_body(&b), scan = scan_body(&b);
    build_node(&b, "Loop", "trips - x", "grown parts");
    build_attribute_graph(&b, "body", &loop);
    build_float(&b, "start", 0);
    build_node(&b, "Scan", "start x", "sum sums");
    build_attribute_graph(&b, "body", &scan);
    build_attribute_int(&b, "num_scan_inputs", 1);
    build_attribute_ints(&b, "scan_input_axes", "3");
    struct builder chosen = build_body(&b), other = build_body(&b);
    build_captured(&chosen, "sums");
    build_node(&chosen, "Exp", "sums", "e");
    build_output(&chosen, "e");
    build_captured(&other, "sums");
    build_node(&other, "Neg", "sums", "n");
    build_output(&other, "n");
    build_node(&b, "If", "yes", "y");
    build_attribute_graph(&b, "then_branch", &chosen);
    build_attribute_graph(&b, "else_branch", &other);
    struct builder known = build_body(&b), unknown = build_body(&b);
    build_captured(&known, "shape");
    build_node(&known, "Add", "shape shape", "double");
    build_output(&known, "double");
    build_captured(&unknown, "shape");
    build_node(&unknown, "Neg", "shape", "less");
    build_output(&unknown, "less");
    build_node(&b, "Shape", "x", "shape");
    build_node(&b, "Size", "x", "size");
    build_node(&b, "Greater", "size zero", "many");
    build_node(&b, "If", "many", "twice");
    build_attribute_graph(&b, "then_branch", &known);
    build_attribute_graph(&b, "else_branch", &unknown);
    build_output(&b, "y");
    build_output(&b, "twice");
    build_output(&b, "grown");
    build_output(&b, "parts");
    return b;
}

static status handed(limner_status code, const limner_error *error, struct error *err) {
    return code ? fail(err, (status)code, "%s", error->message) : STATUS_OK;
}

static status run(limner_session *session, struct error *err) {
    float x[36];
    int64_t trips = 3;
    limner_error error;
    for (int i = 0; i < 36; i++)
        x[i] = (float)i;
    const limner_tensor inputs[] = {
        {.name = "x", .type = LIMNER_FLOAT, .rank = 4, .dims = {1, 4, 3, 3}, .data = x, .bytes = sizeof x},
        {.name = "trips", .type = LIMNER_INT64, .data = &trips, .bytes = sizeof trips}};
    limner_tensor outputs[3] = {{.name = "grown"}, {.name = "parts"}, {.name = "y"}};
    const status code = handed(limner_session_run(session, inputs, 2, outputs, 3, &error), &error, err);
    if (code == STATUS_OK) {
        assert_int_equal(outputs[0].bytes, 4 * sizeof x);
        assert_memory_equal((char *)outputs[0].data + 3 * sizeof x, x, sizeof x);
        assert_int_equal(outputs[1].bytes, 3 * sizeof x);
        assert_true(((const float *)outputs[1].data)[2 * 36 + 5] == -5);
        assert_int_equal(outputs[2].bytes, sizeof x);
    }
    return code;
}

/* After a refusal the same session runs, and gives the same. */
static status compile_and_run(void *context, struct error *err) {
    (void)context;
    const struct program_options options = {.passes_off = 0};
    const limner_options session_options = {
        .size = sizeof session_options, .threads = 1, .cpu = (limner_cpu)(test_kernels()->level + LIMNER_CPU_PORTABLE)};
    limner_model *model = NULL;
    limner_session *session = NULL;
    limner_error error;
    struct error ignored;
    refuse_pause();
    struct builder b = network();
    refuse_resume();
    status code = model_create(b.model, &options, &model, err);
    if (code != STATUS_OK) {
        refuse_pause();
        build_drop(&b);
        return code;
    }
    code = handed(limner_session_create(model, &session_options, &session, &error), &error, err);
    if (code == STATUS_OK) {
        code = run(session, err);
        refuse_pause();
        if (code)
            assert_int_equal(run(session, &ignored), STATUS_OK);
    }
    limner_session_close(session);
    limner_model_close(model);
    return code;
}

static void subgraphs_run(void **state) {
    (void)state;
    refuse_each("subgraphs", &no_memory, compile_and_run, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(subgraphs_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
