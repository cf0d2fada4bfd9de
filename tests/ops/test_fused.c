/*
 * ops/blocked/fused/fused.c, runtime/plan/plan_fuse.c: two fused convolutions give the bits that they give one after
 * the other, with any number of threads. They are not fused where what is between them has another reader, or is an
 * output.
 */
#include "runtime/session/session.h"
#include "tests/support/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TEXT 64

/* A convolution; pads as ONNX lists them, mode of a Pad before it or "". */
struct conv {
    bool transposed;
    int in, out, kernel[2], strides[2], dilations[2], pads[4];
    const char *mode;
};

struct fused_case {
    const char *what;
    struct conv first, second;
    int batch, size[2]; /* of the input */
};

static void set_numbers(char text[MOST_TEXT], const int *numbers, int count) {
    int length = 0;
    for (int i = 0; i < count; i++)
        length += snprintf(text + length, MOST_TEXT - (size_t)length, "%s%d", i ? " " : "", numbers[i]);
}

static void build_weights(struct builder *b, const struct conv *conv, const char *name, struct random *random) {
    const int dims[4] = {conv->transposed ? conv->in : conv->out, conv->transposed ? conv->out : conv->in,
                         conv->kernel[0], conv->kernel[1]};
    char text[MOST_TEXT];
    set_numbers(text, dims, 4);
    build_random(b, name, text, random);
}

static void build_ints_attribute(struct builder *b, const char *name, const int *numbers, int count) {
    char text[MOST_TEXT];
    set_numbers(text, numbers, count);
    build_attribute_ints(b, name, text);
}

static void build_case_conv(struct builder *b, const struct conv *conv, const char *inputs, const char *to) {
    build_node(b, conv->transposed ? "ConvTranspose" : "Conv", inputs, to);
    build_ints_attribute(b, "strides", conv->strides, 2);
    build_ints_attribute(b, "dilations", conv->dilations, 2);
    if (!*conv->mode)
        build_ints_attribute(b, "pads", conv->pads, 4);
}

static void build_pad(struct builder *b, const struct conv *conv) {
    const int around[8] = {0, 0, conv->pads[0], conv->pads[1], 0, 0, conv->pads[2], conv->pads[3]};
    char text[MOST_TEXT];
    set_numbers(text, around, 8);
    build_ints(b, "pads", text);
    build_node(b, "Pad", "between pads", "padded");
    build_attribute_text(b, "mode", conv->mode);
}

/* Who else reads what is between the two. */
enum reader { NOBODY, OUTPUT, THIRD };

static limner_model *make_model(const struct fused_case *c, enum reader reader, uint64_t seed) {
    struct random random = random_from(seed);
    struct builder b = build_start(13);
    char dims[MOST_TEXT];
    snprintf(dims, sizeof dims, "N %d H W", c->first.in);
    build_input(&b, "x", DTYPE_FLOAT, dims);
    build_weights(&b, &c->first, "w1", &random);
    build_weights(&b, &c->second, "w2", &random);
    if (reader == THIRD)
        build_weights(&b, &(struct conv){false, c->first.out, 64, {1, 1}, {1, 1}, {1, 1}, {0}, ""}, "w3", &random);
    build_case_conv(&b, &c->first, "x w1", "made");
    build_node(&b, "LeakyRelu", "made", "between");
    if (*c->second.mode)
        build_pad(&b, &c->second);
    build_case_conv(&b, &c->second, *c->second.mode ? "padded w2" : "between w2", "sums");
    build_node(&b, "Tanh", "sums", "y");
    build_output(&b, "y");
    if (reader == OUTPUT)
        build_output(&b, "between");
    if (reader == THIRD) {
        build_node(&b, "Conv", "between w3", "z");
        build_output(&b, "z");
    }
    return build_model(&b, 0);
}

/* y, whose data the caller frees; whether two steps were fused. */
static limner_tensor run_case(const struct fused_case *c, const struct tensor *x, enum reader reader, int threads,
                              bool *fused) {
    limner_model *model = make_model(c, reader, test_seed());
    limner_session *session = open_session(model, &(limner_options){.threads = threads});
    const limner_tensor input = as_input("x", x);
    limner_tensor y = {.name = "y"};
    run_model(session, &input, 1, &y, 1);
    *fused = false;
    for (int s = 0; s < session->current->step_count; s++) {
        const struct plan_step *step = &session->current->steps[s];
        *fused |= step->fused;
        assert_ptr_equal(step->call.own, session->current->steps[0].call.own); /* one place for all steps */
    }
    void *copy = malloc(y.bytes);
    assert_non_null(copy);
    y.data = memcpy(copy, y.data, y.bytes);
    limner_session_close(session);
    limner_model_close(model);
    return y;
}

static void check_case(const struct fused_case *c, bool must_fuse) {
    struct random random = random_from(test_seed() + 1);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, c->batch, c->first.in, c->size[0], c->size[1]);
    bool fused;
    test_fill(x, &random);
    limner_tensor expected = run_case(c, x, OUTPUT, 1, &fused);
    assert_false(fused);
    for (int threads = 1; threads < 8; threads += threads) {
        limner_tensor y = run_case(c, x, NOBODY, threads, &fused);
        if (y.bytes != expected.bytes || memcmp(y.data, expected.data, y.bytes) != 0)
            fail_msg("%s: other bits with %d threads", c->what, threads);
        if (must_fuse && !fused)
            fail_msg("%s: one after the other with %d threads", c->what, threads);
        free(y.data);
    }
    free(expected.data);
    test_tensor_free(x);
}

static const struct fused_case cases[] = {
    {"the last layers of a generator",
     {true, 32, 64, {3, 3}, {2, 2}, {1, 1}, {1, 1, 0, 0}, ""},
     {true, 64, 3, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, ""},
     1,
     {64, 70}},
    {"reflecting borders",
     {false, 16, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, ""},
     {false, 64, 3, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}, "reflect"},
     2,
     {131, 113}},
    {"one tap, and two rows together",
     {false, 20, 70, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, ""},
     {false, 70, 1, {3, 5}, {1, 1}, {1, 1}, {1, 2, 1, 2}, ""},
     1,
     {127, 117}},
    {"transposed twice",
     {true, 32, 48, {4, 4}, {2, 2}, {1, 1}, {1, 1, 1, 1}, ""},
     {true, 48, 2, {4, 4}, {2, 2}, {1, 1}, {1, 1, 1, 1}, ""},
     1,
     {75, 65}},
    {"dilations, repeated borders, every second row",
     {false, 16, 64, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, ""},
     {false, 64, 4, {5, 3}, {2, 1}, {2, 3}, {4, 3, 4, 3}, "edge"},
     1,
     {121, 123}},
    {"a stride of two",
     {false, 32, 64, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, ""},
     {false, 64, 5, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, ""},
     3,
     {242, 250}},
};

static void test_fixed_cases(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], true);
}

static struct conv random_second(struct random *random, int in) {
    static const char *const modes[] = {"", "", "reflect", "edge"};
    struct conv conv = {.transposed = random_int(random, 0, 1), .in = in, .out = (int)random_int(random, 1, 6)};
    conv.mode = conv.transposed ? "" : modes[random_int(random, 0, 3)];
    for (int d = 0; d < 2; d++) {
        conv.kernel[d] = (int)random_int(random, 1, 6);
        conv.strides[d] = conv.transposed || d == 0 ? (int)random_int(random, 1, 3) : 1;
        conv.dilations[d] = (int)random_int(random, 1, 2);
        const int reach = conv.dilations[d] * (conv.kernel[d] - 1);
        conv.pads[d] = (int)random_int(random, 0, conv.transposed ? reach / 2 : reach);
        conv.pads[2 + d] = (int)random_int(random, 0, conv.transposed ? reach / 2 : reach);
    }
    return conv;
}

static void test_random_cases(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 2);
    for (int i = 0; i < test_cases(20); i++) {
        struct fused_case c = cases[random_int(&random, 0, (int64_t)(sizeof cases / sizeof cases[0]) - 1)];
        char what[32];
        snprintf(what, sizeof what, "random case %d", i);
        c.what = what;
        c.batch = (int)random_int(&random, 1, 2);
        for (int d = 0; d < 2; d++)
            c.size[d] += (int)random_int(&random, 0, 40);
        c.second = random_second(&random, c.first.out);
        check_case(&c, false);
    }
}

/* A third node that reads what is between them needs all of it. */
static void test_third_reader(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 4);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, cases[0].first.in, cases[0].size[0], cases[0].size[1]);
    bool fused;
    test_fill(x, &random);
    limner_tensor y = run_case(&cases[0], x, THIRD, 2, &fused);
    assert_false(fused);
    free(y.data);
    test_tensor_free(x);
}

/* Every node has a time of its own, also where two are fused. */
static void test_profile(void **unused) {
    (void)unused;
    limner_model *model = make_model(&cases[0], NOBODY, test_seed());
    limner_session *session = open_session(model, &(limner_options){.threads = 2, .profile = 1});
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, cases[0].first.in, cases[0].size[0], cases[0].size[1]);
    const limner_tensor input = as_input("x", x);
    limner_tensor y = {.name = "y"};
    limner_node_profile profile = LIMNER_NODE_PROFILE_INIT;
    int convolutions = 0;
    run_model(session, &input, 1, &y, 1);
    for (size_t i = 0; limner_session_profile(session, i, &profile) == LIMNER_OK; i++)
        if (profile.macs > 0) {
            assert_true(profile.milliseconds > 0 && profile.fastest > 0);
            convolutions++;
        }
    assert_int_equal(convolutions, 2);
    limner_session_close(session);
    limner_model_close(model);
    test_tensor_free(x);
}

/* The plan of two fused ones takes another model's weights. */
static void test_swap(void **unused) {
    (void)unused;
    const struct fused_case *c = &cases[0];
    limner_model *old = make_model(c, NOBODY, test_seed()), *new = make_model(c, NOBODY, test_seed() + 9);
    limner_session *session = open_session(old, &(limner_options){.threads = 2});
    limner_session *fresh = open_session(new, &(limner_options){.threads = 2});
    struct random random = random_from(test_seed() + 3);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, c->first.in, c->size[0], c->size[1]);
    test_fill(x, &random);
    const limner_tensor input = as_input("x", x);
    limner_tensor y = {.name = "y"}, expected = {.name = "y"};
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    run_model(session, &input, 1, &y, 1);
    run_model(fresh, &input, 1, &expected, 1);
    assert_int_equal(limner_session_swap(session, new, NULL), LIMNER_OK);
    run_model(session, &input, 1, &y, 1);
    assert_memory_equal(y.data, expected.data, expected.bytes);
    limner_session_get_info(session, &info);
    assert_int_equal(info.plans_reused, 1);
    limner_session_close(session);
    limner_session_close(fresh);
    limner_model_close(old);
    limner_model_close(new);
    test_tensor_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixed_cases), cmocka_unit_test(test_random_cases),
                                       cmocka_unit_test(test_third_reader), cmocka_unit_test(test_profile),
                                       cmocka_unit_test(test_swap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
