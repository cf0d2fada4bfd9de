#include "tests/support/control_graphs.h"

#include <math.h>

limner_tensor floats(const char *name, float *data, int64_t count) {
    return (limner_tensor){.name = name,
                           .type = LIMNER_FLOAT,
                           .rank = 1,
                           .dims = {count},
                           .data = data,
                           .bytes = (size_t)count * sizeof *data};
}

limner_tensor number(const char *name, int64_t *data) {
    return (limner_tensor){.name = name, .type = LIMNER_INT64, .data = data, .bytes = sizeof *data};
}

limner_tensor flag(const char *name, unsigned char *data) {
    return (limner_tensor){.name = name, .type = LIMNER_BOOL, .data = data, .bytes = 1};
}

void expect_floats(const limner_tensor *output, int count, const float *expected) {
    assert_int_equal(output->bytes, (size_t)count * sizeof *expected);
    for (int i = 0; i < count; i++)
        if (fabsf(((const float *)output->data)[i] - expected[i]) > 1e-6f)
            fail_msg("element %d is %g, expected %g", i, (double)((const float *)output->data)[i], (double)expected[i]);
}

struct builder adding_body(const struct builder *outer) {
    struct builder body = build_body(outer);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_captured(&body, "w");
    build_node(&body, "Identity", "c", "again");
    build_node(&body, "Add", "v w", "next");
    build_node(&body, "Mul", "v w", "part");
    build_output(&body, "again");
    build_output(&body, "next");
    build_output(&body, "part");
    return body;
}

struct builder adding_loop(void) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    build_input(&b, "go", DTYPE_BOOL, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder body = adding_body(&b);
    build_node(&b, "Loop", "trips go x", "last all");
    build_name(&b, "walk", "");
    build_attribute_graph(&b, "body", &body);
    build_node(&b, "Neg", "last", "y");
    build_output(&b, "y");
    build_output(&b, "all");
    return b;
}

struct builder growing_loop(void) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    build_input(&b, "trips", DTYPE_INT64, "");
    struct builder body = build_body(&b);
    build_input(&body, "i", DTYPE_INT64, "");
    build_input(&body, "c", DTYPE_BOOL, "");
    build_input(&body, "v", DTYPE_FLOAT, NULL);
    build_captured(&body, "x");
    build_node(&body, "Identity", "c", "again");
    build_node(&body, "Concat", "v x", "next");
    build_attribute_int(&body, "axis", 0);
    build_output(&body, "again");
    build_output(&body, "next");
    build_node(&b, "Loop", "trips - x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    return b;
}

struct builder branch(const struct builder *outer, const char *op_type, const char *inputs) {
    struct builder body = build_body(outer);
    build_captured(&body, inputs);
    build_node(&body, op_type, inputs, "r");
    build_output(&body, "r");
    return body;
}

struct builder choice(const char *condition) {
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "N");
    if (condition)
        build_constant(&b, "c", &(struct tensor){.dtype = DTYPE_BOOL, .data = (void *)condition, .bytes = 1});
    else
        build_input(&b, "c", DTYPE_BOOL, "");
    build_node(&b, "Add", "x x", "w");
    const struct builder then = branch(&b, "Add", "x w"), other = branch(&b, "Neg", "x");
    build_node(&b, "If", "c", "y");
    build_name(&b, "choose", "");
    build_attribute_graph(&b, "then_branch", &then);
    build_attribute_graph(&b, "else_branch", &other);
    build_node(&b, "Sub", "y x", "z");
    build_output(&b, "z");
    build_output(&b, "y");
    return b;
}

void run_adding(limner_session *session, int64_t trips, unsigned char go) {
    float x[2] = {1, -2}, last[2], all[12];
    const limner_tensor inputs[] = {floats("x", x, 2), number("trips", &trips), flag("go", &go)};
    limner_tensor outputs[2] = {{.name = "y"}, {.name = "all"}};
    const int64_t rounds = go && trips > 0 ? trips : 0;
    for (int i = 0; i < 2; i++) {
        last[i] = -x[i] * (float)(1 + 2 * rounds);
        for (int64_t k = 0; k < rounds; k++)
            all[2 * k + i] = x[i] * (float)(1 + 2 * k) * 2 * x[i];
    }
    run_model(session, inputs, 3, outputs, 2);
    expect_floats(&outputs[0], 2, last);
    expect_floats(&outputs[1], (int)(2 * rounds), all);
    assert_int_equal(outputs[1].rank, 2);
    assert_int_equal(outputs[1].dims[0], rounds);
    assert_int_equal(outputs[1].dims[1], 2);
}

size_t dynamic_steps(const limner_session *session) {
    size_t count = 0;
    for (int i = 0; i < session->current->step_count; i++)
        count += session->current->steps[i].dynamic;
    return count;
}

void run_choice(limner_session *session, unsigned char *c, bool then) {
    float x[2] = {1, -2};
    const limner_tensor inputs[] = {floats("x", x, 2), flag("c", c)};
    limner_tensor outputs[2] = {{.name = "z"}, {.name = "y"}};
    run_model(session, inputs, c ? 2 : 1, outputs, 2);
    expect_floats(&outputs[1], 2, then ? (const float[]){3, -6} : (const float[]){-1, 2});
    expect_floats(&outputs[0], 2, then ? (const float[]){2, -4} : (const float[]){-2, 4});
}
