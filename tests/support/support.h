/* What the test programs share. Include before cmocka.h's needs arise: it brings them. */
#ifndef LIMNER_TESTS_SUPPORT_SUPPORT_H
#define LIMNER_TESTS_SUPPORT_SUPPORT_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's fail() is ours too (base/status.h). */
#undef fail
#undef fail_msg
#ifdef __clang_analyzer__ /* it does not know that a failed test does not go on */
#include <stdlib.h>
#define fail_msg(...) (print_error("ERROR: " __VA_ARGS__), abort())
#else
#define fail_msg(...) (print_error("ERROR: " __VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))
#endif

#include "onnx/graph.h"
#include "ops/kernels/kernels.h"

/* A small random generator. Its seed is LIMNER_TEST_SEED or a fixed number and is printed with every failure. */
struct random {
    uint64_t state;
};
uint64_t test_seed(void);
/* How many random cases to run: LIMNER_TEST_CASES percent of `cases` and one more; without it all of them, or a tenth
   under sanitizers, which look at each more closely and slowly. */
int test_cases(int cases);
struct random random_from(uint64_t seed);
uint64_t random_next(struct random *random);
/* Uniform in low..high, both included. */
int64_t random_int(struct random *random, int64_t low, int64_t high);
/* Uniform in -1..1. */
float random_float(struct random *random);

/* Kernels of the level in LIMNER_TEST_CPU (portable, avx2, avx512), or the best one. */
const struct kernels *test_kernels(void);

/* A heap tensor of this type and shape, zeroed; dims follow as int. Free with test_tensor_free. */
struct tensor *test_tensor(enum dtype dtype, int rank, ...);
struct tensor *test_tensor_shape(enum dtype dtype, const struct shape *shape);
/* Fills a FLOAT tensor with random_float, an integer one with small numbers, a BOOL one with 0 and 1. */
void test_fill(struct tensor *tensor, struct random *random);
/* Rank-1 INT64 tensor. */
struct tensor *test_ints(int count, const int64_t *values);
void test_tensor_free(struct tensor *tensor);

/* A node built by hand. `inputs` and `outputs` are only counted by the operator, so their indices are 0, 1, 2, ... */
struct test_node {
    struct node node;
    int inputs[32], outputs[32];
    struct attribute attributes[24];
};
void test_node_init(struct test_node *test, const char *op_type, int input_count, int output_count);
void test_node_int(struct test_node *test, const char *name, int64_t value);
void test_node_float(struct test_node *test, const char *name, float value);
void test_node_text(struct test_node *test, const char *name, const char *value);
/* The list is not copied. */
void test_node_ints(struct test_node *test, const char *name, const int64_t *values, size_t count);
void test_node_floats(struct test_node *test, const char *name, const float *values, size_t count);
void test_node_texts(struct test_node *test, const char *name, const struct text *values, size_t count);
void test_node_tensor(struct test_node *test, const char *name, const struct tensor *value);

/* op_evaluate with the test's kernels; fails the test (with the message) unless it works. */
void test_evaluate(const struct test_node *test, int opset, const struct tensor *const *inputs,
                   struct tensor *const *outputs);

/* Fails when any |actual - expected| > atol + rtol * |expected| or where NaN and infinities differ; names the index. */
void test_close(const float *actual, const double *expected, size_t count, double rtol, double atol, const char *what);

/* A fresh folder under the build folder or /tmp, removed by test_folder_remove. */
char *test_folder(void);
void test_folder_remove(char *folder);

/* How many files and folders lie in a folder. */
int files_in(const char *folder);

#endif
