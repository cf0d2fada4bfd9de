/* Memory of weights: regions, what closing gives back, mapped weights that are let go. */
#include "base/region.h"
#include "onnx/save/save.h"
#include "tests/support/builder.h"
#include "tests/support/cache_file.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

/* Bytes resident now; 0 where that means nothing (sanitizers keep what is freed). */
static size_t resident(void) {
    malloc_trim(0); /* what is freed stays with the C library below a size that moves */
#if SANITIZED
    return 0;
#else
    unsigned long total, pages = 0;
    FILE *about = fopen("/proc/self/statm", "r");
    if (!about || fscanf(about, "%lu %lu", &total, &pages) != 2)
        pages = 0;
    if (about)
        fclose(about);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
#endif
}

/* A matrix of 24 MB, packed, and activations of 24 MB. */
static void use_much(bool low_memory, size_t *during) {
    struct random random = random_from(3);
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "2000 2500");
    build_random(&b, "w", "2500 2500", &random);
    build_node(&b, "Relu", "x", "r");
    build_node(&b, "MatMul", "r w", "y");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    limner_session *session = open_session(model, &(limner_options){.threads = 2, .low_memory = low_memory});
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2000, 2500);
    const limner_tensor input = as_input("x", x);
    limner_tensor output = {.name = "y"};
    run_model(session, &input, 1, &output, 1);
    *during = resident();
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

static void closing_gives_memory_back(void **state) {
    (void)state;
    size_t during;
    if (SANITIZED)
        skip();               /* much work, and nothing to measure */
    use_much(false, &during); /* threads, buffers of the system: once */
    const size_t before = resident(), tolerance = (size_t)6 << 20;
    for (int low = 0; low < 2; low++) {
        use_much(low, &during);
        const size_t after = resident();
        if (!after)
            continue;
        assert_true(during > before + ((size_t)48 << 20));
        if (after > before + tolerance)
            fail_msg("%zu bytes resident before, %zu after", before, after);
    }
}

/* Kilobytes of the file's mappings that are resident. */
static size_t resident_of(const char *path) {
    char line[512];
    size_t sum = 0, kilobytes;
    bool inside = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (strchr(line, '-') && strchr(line, ':') > strchr(line, '-'))
            inside = strstr(line, path) != NULL;
        else if (inside && sscanf(line, "Rss: %zu", &kilobytes) == 1)
            sum += kilobytes;
    }
    fclose(maps);
    return sum;
}

static struct builder large_product(void) {
    struct random random = random_from(5);
    struct builder b = build_start(17);
    build_input(&b, "x", DTYPE_FLOAT, "3 3000");
    build_random(&b, "w", "3000 1501", &random);
    build_node(&b, "MatMul", "x w", "y");
    build_output(&b, "y");
    return b;
}

static float *run_product(limner_model *model) {
    struct random random = random_from(6);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 3, 3000);
    test_fill(x, &random);
    float *result = malloc(3 * 1501 * sizeof *result);
    assert_non_null(result);
    limner_session *session = open_session(model, &(limner_options){.threads = 2});
    const limner_tensor input = as_input("x", x);
    limner_tensor output = {.name = "y", .data = result, .bytes = 3 * 1501 * sizeof *result};
    run_model(session, &input, 1, &output, 1);
    limner_session_close(session);
    test_tensor_free(x);
    return result;
}

/* A mapped matrix of 18 MB is packed in parts; the parts make the whole, and the file's pages are gone. */
static void mapped_weights_are_let_go(void **state) {
    (void)state;
    char *folder = test_folder(), path[CACHE_PATH_BYTES];
    struct error err;
    limner_model *mapped;
    struct builder b = large_product(), same = large_product();
    assert_int_equal(onnx_save(b.model, cache_name(folder, "model.onnx", path), NULL, &err), STATUS_OK);
    build_drop(&b);
    limner_model *model = build_model(&same, 0);
    assert_int_equal(limner_model_load(path, NULL, &mapped, NULL), LIMNER_OK);
    float *expected = run_product(model), *result = run_product(mapped);
    assert_memory_equal(result, expected, 3 * 1501 * sizeof *result);
    if (resident_of(path) > 512)
        fail_msg("%zu KB of the model's file are resident", resident_of(path));
    free(expected);
    free(result);
    limner_model_close(model);
    limner_model_close(mapped);
    test_folder_remove(folder);
}

static void a_region_grows_and_empties(void **state) {
    (void)state;
    struct region region = {0};
    const size_t bytes = ((size_t)5 << 20) + 100;
    assert_true(region_reserve(&region, 100, true));
    assert_true(region_reserve(&region, bytes, true));
    assert_int_equal((uintptr_t)region.base % 64, 0);
    region.base[0] = region.base[bytes - 1] = 1;
    unsigned char *base = region.base;
    assert_true(region_reserve(&region, 1000, false)); /* large enough as it is */
    assert_ptr_equal(region.base, base);
    assert_false(region_reserve(&region, SIZE_MAX - 100, false));
    assert_ptr_equal(region.base, base);
    region_release(&region);
    assert_null(region.base);
}

/* Small pages that had to do are fused in place; what is in them stays. */
static void a_region_is_joined(void **state) {
    (void)state;
    struct region region = {0};
    const size_t bytes = (size_t)9 << 20;
    assert_true(region_reserve(&region, bytes, true));
    region.split = true; /* as where huge pages are slow to come */
    region_take(&region, bytes - 1000);
    assert_int_equal(region.taken, bytes - 1000);
    for (size_t i = 0; i < bytes; i++)
        region.base[i] = (unsigned char)(i % 251);
    region_join(&region);
    assert_false(region.split);
    for (size_t i = 0; i < bytes; i++)
        if (region.base[i] != (unsigned char)(i % 251))
            fail_msg("byte %zu has changed", i);
    region_release(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_gives_memory_back), cmocka_unit_test(mapped_weights_are_let_go),
        cmocka_unit_test(a_region_grows_and_empties), cmocka_unit_test(a_region_is_joined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}