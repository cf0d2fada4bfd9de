/*
 * A thousand damaged copies of the stored models, as many of models with subgraphs, and of models of one operator: each
 * loads and runs, or gives one clean error; no signal, no hang, no unbounded memory. Run under ASan and UBSan by `make
 * check`.
 */
#include "tests/support/support.h"

#include "runtime/limner.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST_INPUT_BYTES (4 * 3 * 32 * 32)
#define CASES 1000
#define SECONDS_PER_CASE 20

struct file {
    unsigned char *bytes;
    size_t size;
};

static struct file read_file(const char *path) {
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    const long size = ftell(stream);
    assert_true(size > 0);
    rewind(stream);
    struct file file = {malloc((size_t)size + 64), (size_t)size};
    assert_non_null(file.bytes);
    assert_int_equal(fread(file.bytes, 1, file.size, stream), file.size);
    fclose(stream);
    return file;
}

/* One kind of harm: flipped bits, a cut end, a piece moved over another, a run of one byte, a number made huge. */
static void damage(struct file *file, struct random *random) {
    const size_t at = (size_t)random_int(random, 0, (int64_t)file->size - 1);
    const size_t other = (size_t)random_int(random, 0, (int64_t)file->size - 1);
    const size_t most = file->size - (at > other ? at : other), length = most < 40 ? most : 40;
    switch (random_int(random, 0, 5)) {
    case 0:
        file->size = at + 1;
        break;
    case 1:
        memmove(file->bytes + at, file->bytes + other, length);
        break;
    case 2:
        memset(file->bytes + at, (int)random_int(random, 0, 255), length);
        break;
    case 3:
        memset(file->bytes + at, 0xff, length < 9 ? length : 9);
        break;
    default:
        for (int64_t flips = random_int(random, 1, 8); flips > 0; flips--)
            file->bytes[random_int(random, 0, (int64_t)file->size - 1)] ^=
                (unsigned char)(1 << random_int(random, 0, 7));
    }
}

/* Small numbers of the type: zeros, but loops go round and conditions hold. */
static void *small_numbers(limner_type type) {
    static char zeros[MOST_INPUT_BYTES], ones[sizeof zeros];
    static int64_t threes[sizeof zeros / 8];
    memset(ones, 1, sizeof ones);
    for (size_t i = 0; i < sizeof zeros / 8; i++)
        threes[i] = 3;
    return type == LIMNER_INT64 ? (void *)threes : type == LIMNER_BOOL ? ones : zeros;
}

/* Runs the model on small numbers where its inputs allow; every answer is right but a crash. */
static limner_status try_run(limner_model *model, limner_error *error) {
    const limner_options options = {
        .size = sizeof(limner_options),
        .threads = 1,
        .limits = &(limner_limits){
            .size = sizeof(limner_limits), .arena_bytes = 64 << 20, .tensor_bytes = 64 << 20, .loop_iterations = 1000}};
    limner_session *session = NULL;
    limner_tensor inputs[8] = {0};
    size_t count = limner_model_input_count(model);
    count = count < 8 ? count : 8;
    for (size_t i = 0; i < count; i++) {
        limner_value value;
        assert_int_equal(limner_model_input(model, i, &value), LIMNER_OK);
        inputs[i] = (limner_tensor){.name = value.name, .type = value.type, .rank = value.rank < 0 ? 0 : value.rank};
        size_t elements = 1;
        for (int d = 0; d < inputs[i].rank; d++) {
            const int64_t free_size = d == 1 ? 3 : d == 0 ? 1 : 16;
            inputs[i].dims[d] = value.dims[d] >= 0 && value.dims[d] <= 128 ? value.dims[d] : free_size;
            elements *= (size_t)inputs[i].dims[d];
        }
        inputs[i].bytes = elements * dtype_size((enum dtype)value.type);
        if (inputs[i].bytes > MOST_INPUT_BYTES)
            return LIMNER_OK;
        inputs[i].data = small_numbers(value.type);
    }
    limner_status code = limner_session_create(model, &options, &session, error);
    limner_tensor output = {0};
    if (code == LIMNER_OK)
        code = limner_session_run(session, inputs, count, &output, 1, error);
    limner_session_close(session);
    return code;
}

static limner_status try_model(const struct file *file, limner_error *error) {
    const limner_limits limits = {.size = sizeof(limner_limits), .tensor_bytes = 64 << 20};
    limner_model *model = NULL;
    limner_status code = limner_model_load_memory(file->bytes, file->size, NULL, &limits, &model, error);
    if (code == LIMNER_OK)
        code = try_run(model, error);
    limner_model_close(model);
    return code;
}

/* Each is harmed up to so many times. */
static void damage_models(const char *pattern, int64_t most) {
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    struct random random = random_from(test_seed() + 41);
    int errors = 0;
    for (int i = 0; i < CASES; i++) {
        const char *path = found.gl_pathv[random_int(&random, 0, (int64_t)found.gl_pathc - 1)];
        struct file file = read_file(path);
        for (int64_t times = random_int(&random, 1, most); times > 0; times--)
            damage(&file, &random);
        alarm(SECONDS_PER_CASE);
        limner_error error = {0};
        const limner_status code = try_model(&file, &error);
        if (code != LIMNER_OK && (error.status != code || !error.message[0]))
            fail_msg("case %d (%s, seed %llu): status %d without a message", i, path, (unsigned long long)test_seed(),
                     (int)code);
        errors += code != LIMNER_OK;
        free(file.bytes);
    }
    alarm(0);
    globfree(&found);
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    print_message("%d of %d damaged models gave an error, peak memory %ld MB\n", errors, CASES, usage.ru_maxrss / 1024);
    assert_true(errors > CASES / 10);
    assert_true(usage.ru_maxrss / 1024 < 1500);
}

static void exports(void **unused) {
    (void)unused;
    damage_models("models/small/*/model.onnx", 3);
}

static void subgraphs(void **unused) {
    (void)unused;
    damage_models("tests/fuzz/seeds/fuzz_model/[!o]*.onnx", 3);
}

static void operators(void **unused) {
    (void)unused;
    damage_models("tests/fuzz/seeds/fuzz_model/operator-*.onnx", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(exports), cmocka_unit_test(subgraphs),
                                       cmocka_unit_test(operators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
