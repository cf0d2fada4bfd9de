/* runtime/session, request, run, swap, model, info: the public interface. */
#include "onnx/save/save.h"
#include "ops/kernels/cpu.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* ---- counting allocations, where no sanitizer has its hands on them ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#elif defined(__has_feature)
#define COUNTING !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__GLIBC__)
#define COUNTING 1
#else
#define COUNTING 0
#endif

static bool counting;
static int allocations;

#if COUNTING
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
    allocations += counting;
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    allocations += counting;
    return __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
    allocations += counting;
    return __libc_realloc(old, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    allocations += counting;
    return __libc_memalign(alignment, bytes);
}
#endif

/* ---- a small generator ---- */

static void make_generator(struct builder *b, uint64_t seed) {
    struct random random = random_from(seed);
    *b = build_start(13);
    build_input(b, "picture", DTYPE_FLOAT, "N 3 H W");
    build_random(b, "w0", "8 3 3 3", &random);
    build_random(b, "b0", "8", &random);
    build_node(b, "Conv", "picture w0 b0", "c0");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_attribute_ints(b, "strides", "2 2");
    build_name(b, "encoder", "");
    build_node(b, "LeakyRelu", "c0", "r0");
    build_attribute_float(b, "alpha", 0.2f);
    build_random(b, "w1", "8 3 4 4", &random);
    build_node(b, "ConvTranspose", "r0 w1", "c1");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_attribute_ints(b, "strides", "2 2");
    build_node(b, "Tanh", "c1", "t");
    build_node(b, "Shape", "picture", "size");
    build_node(b, "Mul", "t t", "repaired");
    build_output(b, "repaired");
    build_output(b, "size");
}

static limner_model *generator(uint64_t seed) {
    struct builder builder;
    make_generator(&builder, seed);
    return build_model(&builder, 0);
}

static struct tensor *picture(int batch, int height, int width) {
    struct random random = random_from(test_seed());
    struct tensor *tensor = test_tensor(DTYPE_FLOAT, 4, batch, 3, height, width);
    test_fill(tensor, &random);
    return tensor;
}

static void run_picture(limner_session *session, const struct tensor *x, limner_tensor *output) {
    const limner_tensor input = as_input("picture", x);
    *output = (limner_tensor){.name = "repaired"};
    run_model(session, &input, 1, output, 1);
}

/* ---- runs ---- */

static void later_runs_do_not_allocate(void **state) {
    (void)state;
    limner_model *model = generator(1);
    limner_session *session = open_session(model, &(limner_options){.threads = 2, .profile = 1});
    struct tensor *small = picture(1, 8, 8), *large = picture(2, 128, 112);
    limner_tensor output;
    for (int i = 0; i < 3; i++) {
        run_picture(session, small, &output);
        run_picture(session, large, &output);
    }
    counting = true;
    for (int i = 0; i < 5; i++) {
        run_picture(session, small, &output);
        run_picture(session, large, &output);
    }
    counting = false;
    assert_int_equal(allocations, 0);
    test_tensor_free(small);
    test_tensor_free(large);
    limner_session_close(session);
    limner_model_close(model);
}

static void the_same_bits_whatever_the_threads(void **state) {
    (void)state;
    limner_model *model = generator(2);
    struct tensor *x = picture(2, 127, 114);
    float *first = NULL;
    for (int threads = 1; threads <= 5; threads++) {
        limner_session *session = open_session(model, &(limner_options){.threads = threads});
        limner_tensor output;
        run_picture(session, x, &output);
        if (!first) {
            first = malloc(output.bytes);
            memcpy(first, output.data, output.bytes);
        }
        assert_memory_equal(first, output.data, output.bytes);
        assert_int_equal(limner_session_threads(session), threads);
        assert_int_equal(session->current->threads, threads); /* there is work for all of them */
        limner_session_close(session);
    }
    free(first);
    test_tensor_free(x);
    limner_model_close(model);
}

static void outputs_go_where_the_caller_wants(void **state) {
    (void)state;
    limner_model *model = generator(4);
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *x = picture(1, 8, 8), *larger = picture(2, 24, 24);
    limner_tensor input = as_input(NULL, x), outputs[2] = {{0}, {.name = "repaired"}};
    float room[3 * 8 * 8];
    limner_error error;
    run_model(session, &input, 1, outputs, 2); /* by position, and by name twice */
    assert_ptr_equal(outputs[0].data, outputs[1].data);
    outputs[1].data = room;
    outputs[1].bytes = sizeof room - 1;
    assert_int_equal(limner_session_run(session, &input, 1, outputs, 2, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "\"repaired\" takes 768 bytes, there is room for 767"));
    outputs[1].bytes = sizeof room;
    run_model(session, &input, 1, outputs, 2);
    assert_ptr_equal(outputs[1].data, room);
    assert_memory_equal(outputs[0].data, room, sizeof room);
    /* An output that still points into the session from the last run is filled in again, also when memory moves. */
    input = as_input(NULL, larger);
    run_model(session, &input, 1, outputs, 1);
    assert_int_equal(outputs[0].bytes, 2 * 3 * 24 * 24 * 4);
    outputs[1] = (limner_tensor){.name = "size"};
    run_model(session, &input, 1, outputs, 2);
    assert_int_equal(((const int64_t *)outputs[1].data)[3], 24);
    test_tensor_free(x);
    test_tensor_free(larger);
    limner_session_close(session);
    limner_model_close(model);
}

static void plans_are_kept_and_evicted(void **state) {
    (void)state;
    limner_model *model = generator(5);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .plans = 2});
    struct tensor *x[4];
    limner_tensor output;
    struct plan *plans[4];
    for (int i = 0; i < 4; i++) {
        x[i] = picture(1, 8 + 2 * i, 8);
        run_picture(session, x[i], &output);
        plans[i] = session->current;
        assert_true(session->plan_count <= 3);
    }
    run_picture(session, x[3], &output);
    assert_ptr_equal(session->current, plans[3]);
    run_picture(session, x[2], &output);
    assert_ptr_equal(session->current, plans[2]);
    for (int i = 0; i < 4; i++)
        run_picture(session, x[i], &output);
    /* Planning ahead leaves the outputs of the last run alone. */
    float *copy = malloc(output.bytes);
    memcpy(copy, output.data, output.bytes);
    for (int i = 0; i < 3; i++) {
        limner_plan_info info = LIMNER_PLAN_INFO_INIT;
        const limner_tensor input = as_input("picture", x[i]);
        assert_int_equal(limner_session_plan(session, &input, 1, &info, NULL), LIMNER_OK);
        assert_true(info.macs > 0 && info.arena_bytes > 0 && info.weight_bytes > 0 && info.steps > 0);
    }
    bool kept = false;
    for (int i = 0; i < session->plan_count; i++)
        kept |= session->plans[i]->ports[0].shape.dims[2] == 14; /* that of x[3] */
    assert_true(kept);
    assert_memory_equal(copy, output.data, output.bytes);
    free(copy);
    for (int i = 0; i < 4; i++)
        test_tensor_free(x[i]);
    limner_session_close(session);
    limner_model_close(model);
}

static void profiles_name_the_steps(void **state) {
    (void)state;
    limner_model *model = generator(6);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .profile = 1});
    struct tensor *x = picture(1, 16, 16);
    limner_node_profile profile = LIMNER_NODE_PROFILE_INIT;
    limner_tensor output;
    assert_int_equal(limner_session_profile(session, 0, &profile), LIMNER_INVALID_ARGUMENT);
    run_picture(session, x, &output);
    run_picture(session, x, &output);
    assert_int_equal(limner_session_profile(session, 0, &profile), LIMNER_OK);
    assert_string_equal(profile.name, "encoder");
    assert_string_equal(profile.op_type, "Conv+LeakyRelu");
    assert_int_equal(profile.runs, 2);
    assert_true(profile.milliseconds > 0);
    assert_true(profile.macs == 8.0 * 8 * 8 * 3 * 9);
    assert_int_equal(profile.rank, 4);
    assert_int_equal(profile.dims[1], 8);
    assert_int_equal(limner_session_profile(session, 2, &profile), LIMNER_OK);
    assert_string_equal(profile.op_type, "Mul");
    assert_int_equal(limner_session_profile(session, 3, &profile), LIMNER_INVALID_ARGUMENT);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

#if defined(__SSE__)
/* The modes of a team of this thread's, without the flags that arithmetic leaves. */
static void team_modes(unsigned *modes, int threads) {
#pragma omp parallel num_threads(threads)
    modes[omp_get_thread_num()] = _mm_getcsr() & ~0x3fu;
}
#endif

static void denormals_are_flushed_and_the_mode_restored(void **state) {
    (void)state;
#if defined(__SSE__)
    const int count = 1 << 18; /* enough for all threads to take part */
    struct builder builder = build_start(13);
    build_input(&builder, "x", DTYPE_FLOAT, "n");
    build_float(&builder, "half", 0.5f);
    build_node(&builder, "Mul", "x half", "y");
    build_output(&builder, "y");
    limner_model *model = build_model(&builder, 0);
    limner_session *session = open_session(model, &(limner_options){.threads = 3});
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, count);
    for (int i = 0; i < count; i++)
        ((float *)x->data)[i] = i % 2 ? 1e-38f : 1.0f;
    unsigned before[3] = {0}, after[3] = {0};
    const limner_tensor input = as_input("x", x);
    team_modes(before, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(before[i] & 0x8040u, 0); /* earlier tests have left nothing behind */
    for (int run = 0; run < 2; run++) {
        limner_tensor output = {0};
        run_model(session, &input, 1, &output, 1);
        for (int i = 0; i < count; i++)
            assert_true(((const float *)output.data)[i] == (i % 2 ? 0.0f : 0.5f));
        team_modes(after, 3);
        assert_memory_equal(before, after, sizeof before);
    }
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
#endif
}

/* ---- swapping ---- */

static void a_model_is_swapped_in(void **state) {
    (void)state;
    limner_model *first = generator(7), *second = generator(8);
    struct tensor *x = picture(1, 12, 12), *y = picture(2, 8, 12);
    limner_session *fresh = open_session(second, &(limner_options){.threads = 1});
    limner_session *session = open_session(first, &(limner_options){.threads = 1});
    limner_tensor output, expected;
    run_picture(session, x, &output);
    run_picture(session, y, &output);
    assert_int_equal(limner_session_swap(session, second, NULL), LIMNER_OK);
    limner_model_close(first);
    limner_model_close(second);
    assert_int_equal(session->plan_count, 2); /* planned for the new model already */
    run_picture(session, y, &output);
    run_picture(fresh, y, &expected);
    assert_memory_equal(output.data, expected.data, expected.bytes);
    run_picture(session, x, &output);
    run_picture(fresh, x, &expected);
    assert_memory_equal(output.data, expected.data, expected.bytes);
    assert_int_equal(session->plan_count, 2);
    test_tensor_free(x);
    test_tensor_free(y);
    limner_session_close(session);
    limner_session_close(fresh);
}

/* Fits in names and types, but not at the shapes that the session has seen. */
static limner_model *stubborn_model(void) {
    struct random random = random_from(1);
    struct builder b = build_start(13);
    build_input(&b, "picture", DTYPE_FLOAT, "N 3 H W");
    build_random(&b, "k", "1 3 5 7", &random);
    build_node(&b, "Add", "picture k", "repaired");
    build_node(&b, "Shape", "picture", "size");
    build_output(&b, "repaired");
    build_output(&b, "size");
    return build_model(&b, 0);
}

static limner_model *other_ports(const char *input, enum dtype dtype, const char *output) {
    struct builder b = build_start(13);
    build_input(&b, input, dtype, "N 3 H W");
    build_node(&b, "Neg", input, output);
    build_node(&b, "Shape", input, "size");
    build_output(&b, output);
    build_output(&b, "size");
    b.model->graph->values[graph_find_value(b.model->graph, "size")].type.dtype = DTYPE_UNDEFINED;
    return build_model(&b, 0);
}

static void a_failing_swap_changes_nothing(void **state) {
    (void)state;
    limner_model *model = generator(9);
    limner_model *others[4] = {stubborn_model(), other_ports("image", DTYPE_FLOAT, "repaired"),
                               other_ports("picture", DTYPE_DOUBLE, "repaired"),
                               other_ports("picture", DTYPE_FLOAT, "result")};
    static const char *const messages[4] = {"Add making \"repaired\": ", "\"image\"", "double", "\"result\""};
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *x = picture(1, 12, 12);
    limner_tensor before, after;
    run_picture(session, x, &before);
    float *copy = malloc(before.bytes);
    memcpy(copy, before.data, before.bytes);
    for (int i = 0; i < 4; i++) {
        limner_error error;
        assert_int_equal(limner_session_swap(session, others[i], &error), i ? LIMNER_INVALID_ARGUMENT : LIMNER_SHAPE);
        assert_non_null(strstr(error.message, messages[i]));
        assert_memory_equal(before.data, copy, before.bytes); /* even the outputs are still there */
        limner_model_close(others[i]);
    }
    run_picture(session, x, &after);
    assert_memory_equal(after.data, copy, after.bytes);
    free(copy);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

/* ---- bad arguments ---- */

static void expect_refusal(limner_session *session, const limner_tensor *inputs, size_t count, limner_status expected,
                           const char *part) {
    limner_tensor output = {.name = "repaired"};
    limner_error error;
    const limner_status got = limner_session_run(session, inputs, count, &output, 1, &error);
    if (got != expected || !strstr(error.message, part) || error.status != got)
        fail_msg("got %d \"%s\", expected %d \"%s\"", (int)got, error.message, (int)expected, part);
    assert_int_equal(limner_session_run(session, inputs, count, &output, 1, NULL), expected);
    assert_null(output.data);
}

static void inputs_are_checked(void **state) {
    (void)state;
    limner_model *model = generator(10);
    limner_session *session = open_session(model, NULL);
    struct tensor *x = picture(1, 8, 8);
    const limner_tensor good = as_input("picture", x);
    limner_tensor bad[2] = {good, good};
    expect_refusal(session, NULL, 0, LIMNER_INVALID_ARGUMENT, "input \"picture\" is missing");
    expect_refusal(session, bad, 2, LIMNER_INVALID_ARGUMENT, "input \"picture\": is given twice");
    bad[1].name = NULL;
    expect_refusal(session, bad, 2, LIMNER_INVALID_ARGUMENT, "has only 1 inputs");
    bad[0].name = "pic";
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "no input \"pic\"; its inputs are \"picture\"");
    bad[0] = good;
    bad[0].type = LIMNER_DOUBLE;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "element type double, expected float");
    bad[0].type = (limner_type)99;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "is no element type");
    bad[0] = good;
    bad[0].rank = 9;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "rank 9");
    bad[0].rank = 3;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "has shape [1,3,8], the model declares [N,3,H,W]");
    bad[0] = good;
    bad[0].dims[1] = 4;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "has shape [1,4,8,8], the model declares [N,3,H,W]");
    bad[0] = good;
    bad[0].dims[2] = -1;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "no shape");
    bad[0].dims[2] = INT64_MAX / 2;
    expect_refusal(session, bad, 1, LIMNER_SHAPE, "no shape");
    bad[0] = good;
    bad[0].data = NULL;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "has no data");
    bad[0] = good;
    bad[0].bytes--;
    expect_refusal(session, bad, 1, LIMNER_INVALID_ARGUMENT, "has 767 bytes, its type and shape need 768");
    limner_tensor output = {.name = "fixed"};
    limner_error error;
    assert_int_equal(limner_session_run(session, &good, 1, &output, 1, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no output \"fixed\"; its outputs are \"repaired\", \"size\""));
    run_model(session, &good, 1, NULL, 0);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

/* Two sizes for one name: it runs, and the session says so, once; never for what stands for any size. */
static void one_name_for_two_sizes(void **state) {
    (void)state;
    static const struct {
        const char *a, *mask, *note;
    } cases[] = {
        {"n m", "m n", "dimension 0 (m) of input \"mask\" is 4, but dimension 1 of input \"a\" is 3"},
        {"side side", "h w", "dimension 1 (side) of input \"a\" is 3, but dimension 0 of input \"a\" is 2"},
        {"h w", "v u", ""},
        {"u v", "2 v", "dimension 1 (v) of input \"mask\" is 2, but dimension 1 of input \"a\" is 3"},
        {"? ?", "? ?", ""},
        {"* *", "* *", ""},
        {"None None", "None None", ""},
        {"-1 -1", "-1 -1", ""},
        {"dynamic dynamic", "p q", "(dynamic)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct builder b = build_start(13);
        const int rows = cases[i].mask[0] == '2' ? 2 : 4;
        build_input(&b, "a", DTYPE_FLOAT, cases[i].a);
        build_input(&b, "mask", DTYPE_BOOL, cases[i].mask);
        build_node(&b, "Shape", "mask", "s");
        build_node(&b, "Neg", "a", "y");
        build_output(&b, "y");
        build_output(&b, "s");
        limner_model *model = build_model(&b, 0);
        limner_session *session = open_session(model, NULL);
        struct tensor *a = test_tensor(DTYPE_FLOAT, 2, 2, 3), *mask = test_tensor(DTYPE_BOOL, 2, rows, 2);
        const limner_tensor inputs[2] = {as_input("a", a), as_input("mask", mask)};
        limner_tensor outputs[2] = {{0}};
        ((float *)a->data)[5] = 7;
        assert_string_equal(limner_session_note(session), "");
        for (int k = 0; k < 2; k++) {
            run_model(session, inputs, 2, outputs, 2);
            assert_true(((const float *)outputs[0].data)[5] == -7);
            assert_int_equal(((const int64_t *)outputs[1].data)[0], rows);
        }
        if (!strstr(limner_session_note(session), cases[i].note) ||
            (!cases[i].note[0] && limner_session_note(session)[0]))
            fail_msg("%s, %s: \"%s\"", cases[i].a, cases[i].mask, limner_session_note(session));
        test_tensor_free(a);
        test_tensor_free(mask);
        limner_session_close(session);
        limner_model_close(model);
    }
    assert_string_equal(limner_session_note(NULL), "");
}

static void bytes_of_a_bool(void **state) {
    (void)state;
    struct builder b = build_start(13);
    build_input(&b, "mask", DTYPE_BOOL, "n");
    build_node(&b, "Not", "mask", "y");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    limner_session *session = open_session(model, NULL);
    limner_error error;
    for (int count = 1; count < 140; count += 1 + count / 8) {
        struct tensor *mask = test_tensor(DTYPE_BOOL, 1, count);
        const limner_tensor input = as_input("mask", mask);
        memset(mask->data, 1, (size_t)count);
        run_model(session, &input, 1, NULL, 0);
        for (int i = 0; i < count; i++) {
            ((unsigned char *)mask->data)[i] = (unsigned char)(2 << i % 7);
            assert_int_equal(limner_session_run(session, &input, 1, NULL, 0, &error), LIMNER_INVALID_ARGUMENT);
            assert_non_null(strstr(error.message, "other than 0 and 1"));
            ((unsigned char *)mask->data)[i] = 0;
        }
        test_tensor_free(mask);
    }
    limner_session_close(session);
    limner_model_close(model);
}

#define REFUSED(call) assert_int_equal(call, LIMNER_INVALID_ARGUMENT)

static void models_refuse_nonsense(void **state) {
    (void)state;
    limner_model *model = generator(11), *none = model;
    limner_value value;
    limner_operator op;
    limner_error error;
    const char *text;
    int64_t version;
    REFUSED(limner_model_load(NULL, NULL, &none, &error));
    assert_null(none);
    assert_true(error.message[0] != 0);
    REFUSED(limner_model_load("x", NULL, NULL, NULL));
    REFUSED(limner_model_load_memory(NULL, 5, NULL, NULL, &none, NULL));
    REFUSED(limner_model_load_memory("x", 1, NULL, NULL, NULL, &error));
    REFUSED(limner_model_input(model, 1, &value));
    REFUSED(limner_model_input(model, 0, NULL));
    REFUSED(limner_model_input(NULL, 0, &value));
    REFUSED(limner_model_output(model, 2, &value));
    REFUSED(limner_model_output(model, 0, NULL));
    REFUSED(limner_model_output(NULL, 0, &value));
    REFUSED(limner_model_opset(model, 1, &text, &version));
    REFUSED(limner_model_opset(NULL, 0, &text, &version));
    REFUSED(limner_model_opset(model, 0, NULL, &version));
    REFUSED(limner_model_opset(model, 0, &text, NULL));
    REFUSED(limner_model_metadata(model, 0, &text, &text));
    REFUSED(limner_model_metadata(NULL, 0, &text, &text));
    REFUSED(limner_operator_at(1000000, &op));
    REFUSED(limner_operator_at(0, NULL));
    limner_model_close(model);
}

static void sessions_refuse_nonsense(void **state) {
    (void)state;
    limner_model *model = generator(11);
    limner_session *session = open_session(model, NULL), *no_session = session;
    limner_node_profile profile = LIMNER_NODE_PROFILE_INIT;
    limner_plan_info plan = LIMNER_PLAN_INFO_INIT;
    limner_error error;
    limner_tensor tensor = {0};
    REFUSED(limner_session_create(NULL, NULL, &no_session, &error));
    assert_null(no_session);
    REFUSED(limner_session_create(model, NULL, NULL, &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .threads = -1}, &no_session,
                                  &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .threads = 100000},
                                  &no_session, &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .plans = -1}, &no_session,
                                  &error));
    REFUSED(limner_session_create(model, &(limner_options){.size = sizeof(limner_options), .cpu = (limner_cpu)7},
                                  &no_session, &error));
    REFUSED(limner_session_run(NULL, NULL, 0, NULL, 0, &error));
    REFUSED(limner_session_run(session, NULL, 1, NULL, 0, NULL));
    REFUSED(limner_session_run(session, NULL, 0, NULL, 1, NULL));
    REFUSED(limner_session_swap(NULL, model, NULL));
    REFUSED(limner_session_swap(session, NULL, &error));
    REFUSED(limner_session_plan(NULL, NULL, 0, &plan, &error));
    REFUSED(limner_session_plan(session, NULL, 1, &plan, &error));
    REFUSED(limner_session_plan(session, &tensor, 0, NULL, &error));
    REFUSED(limner_session_profile(NULL, 0, &profile));
    REFUSED(limner_session_profile(session, 0, NULL));
    limner_session_close(session);
    limner_model_close(model);
}

static void nothing_may_be_asked_of_nobody(void **state) {
    (void)state;
    limner_model *model = generator(11);
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    limner_model_get_info(NULL, &info);
    limner_model_get_info(model, NULL);
    limner_model_close(NULL);
    limner_session_close(NULL);
    assert_int_equal(limner_model_input_count(NULL), 0);
    assert_int_equal(limner_model_output_count(NULL), 0);
    assert_int_equal(limner_session_threads(NULL), 0);
    assert_string_equal(limner_session_cpu(NULL), "");
    assert_string_equal(limner_status_name((limner_status)1000), "unknown status");
    assert_string_equal(limner_type_name((limner_type)-5), "unknown");
    limner_model_close(model);
}

/* ---- asking ---- */

static void a_model_tells_about_itself(void **state) {
    (void)state;
    limner_model *model = generator(12);
    limner_value value;
    limner_model_info info = LIMNER_MODEL_INFO_INIT;
    const char *domain;
    int64_t version;
    assert_int_equal(limner_model_input(model, 0, &value), LIMNER_OK);
    assert_string_equal(value.name, "picture");
    assert_int_equal(value.type, LIMNER_FLOAT);
    assert_int_equal(value.rank, 4);
    assert_int_equal(value.dims[0], -1);
    assert_int_equal(value.dims[1], 3);
    assert_string_equal(value.names[0], "N");
    assert_null(value.names[1]);
    assert_int_equal(value.optional, 0);
    assert_int_equal(limner_model_opset(model, 0, &domain, &version), LIMNER_OK);
    assert_string_equal(domain, "");
    assert_int_equal(version, 13);
    limner_model_get_info(model, &info);
    assert_int_equal(info.node_count, 6);
    assert_int_equal(info.optimized_count, 4);
    assert_int_equal(info.parameters, 8 * 3 * 9 + 8 + 8 * 3 * 16);
    limner_model_close(model);
    limner_operator op;
    size_t count = 0;
    for (; limner_operator_at(count, &op) == LIMNER_OK; count++) {
        assert_string_not_equal(op.domain, "limner");
        assert_true(op.since >= 1 && op.until >= op.since);
    }
    assert_true(count > 20);
}

static void models_load_from_memory(void **state) {
    (void)state;
    struct builder builder;
    make_generator(&builder, 13);
    void *bytes = NULL;
    size_t size = 0;
    struct error err;
    if (onnx_save_memory(builder.model, &bytes, &size, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    limner_model *built = build_model(&builder, 0), *loaded = NULL;
    limner_error error;
    if (limner_model_load_memory(bytes, size, NULL, NULL, &loaded, &error) != LIMNER_OK)
        fail_msg("%s", error.message);
    limner_session *a = open_session(built, NULL), *b = open_session(loaded, NULL);
    struct tensor *x = picture(1, 10, 14);
    limner_tensor from_built, from_loaded;
    run_picture(a, x, &from_built);
    run_picture(b, x, &from_loaded);
    assert_memory_equal(from_built.data, from_loaded.data, from_built.bytes);
    limner_session_close(a);
    limner_session_close(b);
    limner_model_close(built);
    limner_model_close(loaded);
    limner_model *broken = built;
    assert_int_not_equal(limner_model_load_memory(bytes, size / 2, NULL, NULL, &broken, &error), LIMNER_OK);
    assert_null(broken);
    assert_int_equal(limner_model_load("/nowhere/at/all.onnx", NULL, &broken, &error), LIMNER_IO);
    free(bytes);
    test_tensor_free(x);
}

static void every_level_of_the_processor(void **state) {
    (void)state;
    limner_model *model = generator(14);
    struct tensor *x = picture(1, 12, 12);
    for (int cpu = LIMNER_CPU_PORTABLE; cpu <= LIMNER_CPU_AVX512; cpu++) {
        limner_session *session = NULL;
        const limner_options options = {.size = sizeof(limner_options), .threads = 1, .cpu = (limner_cpu)cpu};
        const limner_status got = limner_session_create(model, &options, &session, NULL);
        assert_int_equal(got, cpu - 1 <= (int)cpu_best() ? LIMNER_OK : LIMNER_INVALID_ARGUMENT);
        if (!session)
            continue;
        limner_tensor output;
        run_picture(session, x, &output);
        assert_int_equal(cpu_level_parse(limner_session_cpu(session)), cpu - 1);
        limner_session_close(session);
    }
    test_tensor_free(x);
    limner_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_runs_do_not_allocate),
        cmocka_unit_test(the_same_bits_whatever_the_threads),
        cmocka_unit_test(outputs_go_where_the_caller_wants),
        cmocka_unit_test(plans_are_kept_and_evicted),
        cmocka_unit_test(profiles_name_the_steps),
        cmocka_unit_test(denormals_are_flushed_and_the_mode_restored),
        cmocka_unit_test(a_model_is_swapped_in),
        cmocka_unit_test(a_failing_swap_changes_nothing),
        cmocka_unit_test(inputs_are_checked),
        cmocka_unit_test(one_name_for_two_sizes),
        cmocka_unit_test(bytes_of_a_bool),
        cmocka_unit_test(models_refuse_nonsense),
        cmocka_unit_test(sessions_refuse_nonsense),
        cmocka_unit_test(nothing_may_be_asked_of_nobody),
        cmocka_unit_test(a_model_tells_about_itself),
        cmocka_unit_test(models_load_from_memory),
        cmocka_unit_test(every_level_of_the_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
