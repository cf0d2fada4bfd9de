/* runtime/session, request, run, swap, model, info: the public interface. */
#include "onnx/save/save.h"
#include "ops/kernels/cpu.h"
#include "runtime/session/session.h"
#include "tests/support/builder.h"
#include "tests/support/small_generator.h"

#include <omp.h>
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

/* ---- runs ---- */

static void later_runs_do_not_allocate(void **state) {
    (void)state;
    limner_model *model = small_generator(1);
    limner_session *session = open_session(model, &(limner_options){.threads = 2, .profile = 1});
    struct tensor *small = small_picture(1, 8, 8), *large = small_picture(2, 128, 112);
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
    limner_model *model = small_generator(2);
    struct tensor *x = small_picture(2, 127, 114);
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
    limner_model *model = small_generator(4);
    limner_session *session = open_session(model, &(limner_options){.threads = 1});
    struct tensor *x = small_picture(1, 8, 8), *larger = small_picture(2, 24, 24);
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
    limner_model *model = small_generator(5);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .plans = 2});
    struct tensor *x[4];
    limner_tensor output;
    struct plan *plans[4];
    for (int i = 0; i < 4; i++) {
        x[i] = small_picture(1, 8 + 2 * i, 8);
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
    limner_model *model = small_generator(6);
    limner_session *session = open_session(model, &(limner_options){.threads = 1, .profile = 1});
    struct tensor *x = small_picture(1, 16, 16);
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
    limner_model *first = small_generator(7), *second = small_generator(8);
    struct tensor *x = small_picture(1, 12, 12), *y = small_picture(2, 8, 12);
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

/* ---- asking ---- */

static void a_model_tells_about_itself(void **state) {
    (void)state;
    limner_model *model = small_generator(12);
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
    make_small_generator(&builder, 13);
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
    struct tensor *x = small_picture(1, 10, 14);
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
    limner_model *model = small_generator(14);
    struct tensor *x = small_picture(1, 12, 12);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(later_runs_do_not_allocate),
                                       cmocka_unit_test(the_same_bits_whatever_the_threads),
                                       cmocka_unit_test(outputs_go_where_the_caller_wants),
                                       cmocka_unit_test(plans_are_kept_and_evicted),
                                       cmocka_unit_test(profiles_name_the_steps),
                                       cmocka_unit_test(denormals_are_flushed_and_the_mode_restored),
                                       cmocka_unit_test(a_model_is_swapped_in),
                                       cmocka_unit_test(a_model_tells_about_itself),
                                       cmocka_unit_test(models_load_from_memory),
                                       cmocka_unit_test(every_level_of_the_processor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}