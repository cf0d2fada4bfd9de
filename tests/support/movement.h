/* What the tests of the operators that move elements share. */
#ifndef LIMNER_TESTS_SUPPORT_MOVEMENT_H
#define LIMNER_TESTS_SUPPORT_MOVEMENT_H

#include "tests/support/support.h"

/* One type of every element size, and the pairs. */
extern const enum dtype movement_types[];
#define MOVEMENT_TYPES 8

/* Rank low..high; sizes 1..6, sometimes 0, and sometimes one that is large enough for threads. */
struct shape random_shape(struct random *random, int low, int high);
/* A tensor of random bytes. */
struct tensor *random_tensor(struct random *random, enum dtype dtype, const struct shape *shape);
/* dims... as int. */
struct shape shape_of(int rank, ...);

/* The index of the flat-th element, and back. */
void unravel(const struct shape *shape, int64_t flat, int64_t *index);
int64_t ravel(const struct shape *shape, const int64_t *index);

/*
 * Output 0 of the node on 1 and on 3 threads, which must agree in every bit. The caller frees it with
 * test_tensor_free.
 */
struct tensor *evaluate_moved(const struct test_node *test, int opset, const struct tensor *const *inputs);
/* Fails the test unless the node ends with this status and a message that holds the fragment. */
void assert_status(const struct test_node *test, int opset, const struct tensor *const *inputs, status code,
                   const char *fragment);

/* Flat index in the input of an output's element; -1: `value` of check_moved. */
typedef int64_t source_of(const int64_t *index, void *context);
/* Frees output. Every element must be the input's that source names, bit for bit. */
void check_moved(struct tensor *output, const struct shape *expected, const struct tensor *input, const void *value,
                 source_of *source, void *context);

#endif
