/* ops/weights, weight_keys, weight_file, digest; base/region; the options cache and low_memory: memory and the file. */
#include "base/digest.h"
#include "ops/weights/weight_cache.h"
#include "tests/support/builder.h"
#include "tests/support/cache_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a run gave, kept beyond the session. */
struct result {
    unsigned char *bytes[2];
    size_t counts[2];
};

#define MOST_BYTES ((size_t)1 << 20)

/* ---- a small network ---- */

static limner_model *network(uint64_t seed) {
    struct random random = random_from(seed);
    struct builder b = build_start(17);
    build_input(&b, "picture", DTYPE_FLOAT, "1 3 12 17");
    build_random(&b, "w0", "16 3 3 3", &random);
    build_node(&b, "Conv", "picture w0", "c0");
    build_attribute_ints(&b, "pads", "1 1 1 1");
    build_random(&b, "w1", "16 8 4 4", &random);
    build_node(&b, "ConvTranspose", "c0 w1", "c1");
    build_attribute_ints(&b, "strides", "2 2");
    build_random(&b, "w2", "36 8", &random);
    build_node(&b, "MatMul", "c1 w2", "product");
    build_output(&b, "c1");
    build_output(&b, "product");
    return build_model(&b, 0);
}

static struct result run(limner_session *session) {
    struct random random = random_from(7);
    struct tensor *picture = test_tensor(DTYPE_FLOAT, 4, 1, 3, 12, 17);
    test_fill(picture, &random);
    const limner_tensor input = as_input("picture", picture);
    limner_tensor outputs[2] = {{.name = "c1"}, {.name = "product"}};
    struct result result;
    run_model(session, &input, 1, outputs, 2);
    for (int i = 0; i < 2; i++) {
        result.counts[i] = outputs[i].bytes;
        result.bytes[i] = malloc(outputs[i].bytes);
        assert_non_null(result.bytes[i]);
        memcpy(result.bytes[i], outputs[i].data, outputs[i].bytes);
    }
    test_tensor_free(picture);
    return result;
}

static void drop(struct result *result) {
    free(result->bytes[0]);
    free(result->bytes[1]);
}

static void expect_same(const struct result *result, const struct result *expected) {
    for (int i = 0; i < 2; i++) {
        assert_int_equal(result->counts[i], expected->counts[i]);
        assert_memory_equal(result->bytes[i], expected->bytes[i], expected->counts[i]);
    }
}

static struct result run_plainly(uint64_t seed) {
    limner_model *model = network(seed);
    limner_session *session = open_session(model, &(limner_options){.threads = 2});
    const struct result result = run(session);
    limner_session_close(session);
    limner_model_close(model);
    return result;
}

/* Runs with the file and saves it; note: what must be said of the file ("": nothing). */
static struct result run_with(uint64_t seed, limner_options options, const char *path, const char *note) {
    limner_error error;
    options.threads = options.threads ? options.threads : 2;
    options.cache = path;
    limner_model *model = network(seed);
    limner_session *session = open_session(model, &options);
    const char *said = limner_session_cache_note(session);
    if (note[0] ? strstr(said, note) == NULL : said[0] != 0)
        fail_msg("the note is '%s', expected '%s'", said, note);
    const struct result result = run(session);
    if (limner_session_save_cache(session, &error))
        fail_msg("%s", error.message);
    limner_session_close(session);
    limner_model_close(model);
    return result;
}

static size_t read_file(const char *path, unsigned char **bytes) {
    FILE *file = fopen(path, "rb");
    *bytes = malloc(MOST_BYTES);
    assert_non_null(file);
    assert_non_null(*bytes);
    const size_t count = fread(*bytes, 1, MOST_BYTES, file);
    assert_true(count < MOST_BYTES);
    fclose(file);
    return count;
}

static void write_file(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static struct stat look(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* ---- the option ---- */

static void weights_come_from_the_file(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    cache_name(folder, "cache", path);
    struct result plain = run_plainly(1), first = run_with(1, (limner_options){0}, path, "");
    const struct stat written = look(path);
    struct result second = run_with(1, (limner_options){.threads = 1}, path, "");
    const struct stat later = look(path);
    assert_true(same_file(&written, &later)); /* nothing was missing in it */
    expect_same(&first, &plain);
    expect_same(&second, &plain);
    drop(&plain);
    drop(&first);
    drop(&second);
    test_folder_remove(folder);
}

static void other_weights_are_not_taken(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    cache_name(folder, "cache", path);
    struct result old = run_with(1, (limner_options){0}, path, "");
    const struct stat written = look(path);
    struct result plain = run_plainly(2), changed = run_with(2, (limner_options){0}, path, "");
    const struct stat later = look(path);
    expect_same(&changed, &plain);
    assert_false(same_file(&written, &later));
    assert_int_equal(written.st_size, later.st_size); /* nothing of the old model stays */
    drop(&old);
    drop(&plain);
    drop(&changed);
    test_folder_remove(folder);
}

static void options_keep_each_others_weights(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    const limner_options portable = {.cpu = LIMNER_CPU_PORTABLE}, exact = {.exact = 1};
    cache_name(folder, "cache", path);
    struct result a = run_with(1, portable, path, ""), b = run_with(1, exact, path, "");
    const struct stat written = look(path);
    struct result c = run_with(1, portable, path, ""), d = run_with(1, exact, path, "");
    const struct stat later = look(path);
    assert_true(same_file(&written, &later));
    expect_same(&c, &a);
    expect_same(&d, &b);
    drop(&a);
    drop(&b);
    drop(&c);
    drop(&d);
    test_folder_remove(folder);
}

static void damaged_files_are_not_trusted(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    cache_name(folder, "cache", path);
    struct result plain = run_plainly(1), result = run_with(1, (limner_options){0}, path, "");
    drop(&result);
    unsigned char *bytes;
    const size_t count = read_file(path, &bytes);
    struct random random = random_from(test_seed());
    for (int i = 0, cases = test_cases(300); i < cases; i++) {
        const size_t at = (size_t)random_int(&random, 0, i % 2 ? 700 : (int64_t)count - 1);
        const bool cut = i % 5 == 0;
        const unsigned char mask = (unsigned char)(1u << (i & 7));
        bytes[at] ^= cut ? 0 : mask;
        write_file(path, bytes, cut ? at : count);
        bytes[at] ^= cut ? 0 : mask;
        limner_model *model = network(1);
        limner_session *session = open_session(model, &(limner_options){.threads = 1, .cache = path});
        result = run(session);
        expect_same(&result, &plain);
        drop(&result);
        assert_int_equal(limner_session_save_cache(session, NULL), LIMNER_OK);
        limner_session_close(session);
        limner_model_close(model);
    }
    free(bytes);
    drop(&plain);
    test_folder_remove(folder);
}

static void refuse_file(const char *path, const void *bytes, size_t count, const char *note) {
    write_file(path, bytes, count);
    struct result result = run_with(1, (limner_options){0}, path, note);
    drop(&result);
    result = run_with(1, (limner_options){0}, path, ""); /* by then it is made anew */
    drop(&result);
}

static void unfit_files_are_named_and_replaced(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    cache_name(folder, "cache", path);
    refuse_file(path, "", 0, "no file of packed weights");
    refuse_file(path, "some words of another program", 29, "no file of packed weights");
    unsigned char *bytes;
    const size_t count = read_file(path, &bytes);
    refuse_file(path, bytes, count - 1, "cut off or damaged");
    bytes[30] ^= 1;
    refuse_file(path, bytes, count, "another version");
    bytes[30] ^= 1;
    bytes[100] ^= 1;
    refuse_file(path, bytes, count, "damaged");
    free(bytes);
    test_folder_remove(folder);
}

static void a_file_that_cannot_be_written(void **state) {
    (void)state;
    limner_error error;
    limner_model *model = network(1);
    limner_session *session = open_session(model, &(limner_options){.cache = "/proc/no-such-folder/cache"});
    struct result plain = run_plainly(1), result = run(session);
    expect_same(&result, &plain);
    assert_int_equal(limner_session_save_cache(session, &error), LIMNER_IO);
    assert_non_null(strstr(error.message, "/proc/no-such-folder/cache"));
    limner_session_close(session);
    limner_model_close(model);
    drop(&plain);
    drop(&result);
    assert_int_equal(limner_session_save_cache(NULL, &error), LIMNER_INVALID_ARGUMENT);
}

static void without_the_option_nothing_is_written(void **state) {
    (void)state;
    limner_model *model = network(1);
    limner_session *session = open_session(model, NULL);
    struct result result = run(session);
    assert_int_equal(limner_session_save_cache(session, NULL), LIMNER_OK);
    assert_string_equal(limner_session_cache_note(session), "");
    drop(&result);
    limner_session_close(session);
    limner_model_close(model);
}

/* ---- what decides over a packed form ---- */

static int packed_count;

static void pack_scaled(void *destination, const struct tensor *source, const void *context) {
    const struct tensor *scale = context;
    float *to = destination;
    packed_count++;
    for (int64_t i = 0; i < tensor_elements(source); i++)
        to[i] = ((const float *)source->data)[i] * ((const float *)scale->data)[0];
}

/* Packs in a process of its own, as it were; what the first element became. made: whether it was packed anew. */
static float pack_once(const char *path, const struct tensor *source, const struct tensor *scale, const char *name,
                       int64_t number, bool *made) {
    struct error err;
    struct weight_cache *cache = weight_cache_create();
    assert_non_null(cache);
    assert_int_equal(weight_cache_use_file(cache, path, 2, &err), STATUS_OK);
    const struct packing packing = {.name = name,
                                    .numbers = {number},
                                    .second = scale,
                                    .bytes = source->bytes,
                                    .pack = pack_scaled,
                                    .context = scale};
    packed_count = 0;
    const float *packed = weight_cache_get(cache, source, &packing);
    assert_non_null(packed);
    assert_int_equal((uintptr_t)packed % 64, 0);
    assert_ptr_equal(weight_cache_get(cache, source, &packing), packed);
    assert_int_equal(weight_cache_save(cache, &err), STATUS_OK);
    const float value = packed[0];
    *made = packed_count > 0;
    weight_cache_destroy(cache);
    return value;
}

static void everything_that_decides_is_in_the_key(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    cache_name(folder, "cache", path);
    struct tensor *source = test_tensor(DTYPE_FLOAT, 2, 600, 601), *scale = test_tensor(DTYPE_FLOAT, 1, 1);
    float *values = source->data, *factor = scale->data;
    bool made;
    values[0] = 3;
    factor[0] = 2;
    assert_true(pack_once(path, source, scale, "a", 1, &made) == 6 && made);
    assert_true(pack_once(path, source, scale, "a", 1, &made) == 6 && !made);
    factor[0] = 5; /* at the same address */
    assert_true(pack_once(path, source, scale, "a", 1, &made) == 15 && made);
    assert_true(pack_once(path, source, scale, "a", 1, &made) == 15 && !made);
    pack_once(path, source, scale, "b", 1, &made);
    assert_true(made);
    pack_once(path, source, scale, "a", 2, &made);
    assert_true(made);
    source->shape.dims[0] = 601; /* the same bytes */
    source->shape.dims[1] = 600;
    pack_once(path, source, scale, "a", 1, &made);
    assert_true(made);
    values[600 * 601 - 1] = 1;
    pack_once(path, source, scale, "a", 1, &made);
    assert_true(made);
    test_tensor_free(source);
    test_tensor_free(scale);
    test_folder_remove(folder);
}

static void a_digest_sees_every_bit(void **state) {
    (void)state;
    static unsigned char bytes[(3 << 20) + 5];
    struct random random = random_from(test_seed());
    const struct digest plain = digest_make(bytes, sizeof bytes, 2, NULL, NULL);
    for (int i = 0; i < 60; i++) {
        const size_t at = (size_t)random_int(&random, 0, sizeof bytes - 1);
        bytes[at] ^= (unsigned char)(1u << (i & 7));
        const struct digest one = digest_make(bytes, sizeof bytes, 1, NULL, NULL);
        const struct digest four = digest_make(bytes, sizeof bytes, 4, NULL, NULL);
        bytes[at] ^= (unsigned char)(1u << (i & 7));
        assert_true(one.a != plain.a && one.b != plain.b && digest_equal(&one, &four));
    }
    for (size_t count = 0; count < 200; count++) { /* zeros of other lengths are other bytes */
        const struct digest shorter = digest_make(bytes, count, 1, NULL, NULL);
        const struct digest longer = digest_make(bytes, count + 1, 1, NULL, NULL);
        assert_false(digest_equal(&shorter, &longer));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights_come_from_the_file),
                                       cmocka_unit_test(other_weights_are_not_taken),
                                       cmocka_unit_test(options_keep_each_others_weights),
                                       cmocka_unit_test(damaged_files_are_not_trusted),
                                       cmocka_unit_test(unfit_files_are_named_and_replaced),
                                       cmocka_unit_test(a_file_that_cannot_be_written),
                                       cmocka_unit_test(without_the_option_nothing_is_written),
                                       cmocka_unit_test(everything_that_decides_is_in_the_key),
                                       cmocka_unit_test(a_digest_sees_every_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}