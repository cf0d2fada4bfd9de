/* For tests of operators on many element types: elements as double, and one way to run a node every way it may run. */
#ifndef LIMNER_TESTS_SUPPORT_NUMBERS_H
#define LIMNER_TESTS_SUPPORT_NUMBERS_H

#include "tests/support/support.h"

#include "ops/core/op.h"

/* Element i of a tensor of numbers or bools, and back (integers wrap, the 16-bit types must hold the value exactly). */
double number_get(const struct tensor *tensor, int64_t i);
void number_set(struct tensor *tensor, int64_t i, double value);
bool number_is_integer(enum dtype dtype);
bool number_is_signed(enum dtype dtype);
/* What one rounding to this type may cost, relative to the value; 0 for integers. */
double number_epsilon(enum dtype dtype);

/* Random numbers that every type holds exactly: multiples of 1/8 in low..high (within -200..200), whole ones where the
 * type asks for it. */
void number_fill(struct tensor *tensor, struct random *random, double low, double high);

/* Dimensions of `max_dim` at most, rank 0..max_rank; now and then one of size 0. */
struct shape number_shape(struct random *random, int max_rank, int max_dim);
/* A shape that broadcasts to this one: leading dimensions dropped, some others 1. */
struct shape number_part(struct random *random, const struct shape *shape);

/* Which element of `part` output element i of `whole` comes from. */
int64_t broadcast_index(const struct shape *part, const struct shape *whole, int64_t i);

/* A copy with data of its own. */
struct tensor *test_copy(const struct tensor *tensor);

/*
 * Runs the node with `threads`, its output lying on input in_place (-1: nowhere; that input is a copy then), and
 * returns the output, which the caller frees; NULL and a message in err after an error.
 */
struct tensor *test_run(const struct test_node *test, int opset, const struct tensor *const *inputs, int threads,
                        int in_place, struct error *err);
/* Runs with one thread, with three, and on every input whose memory it may take: the same bits each time. */
struct tensor *test_run_all_ways(const struct test_node *test, int opset, const struct tensor *const *inputs);
/* Fails the test unless the node fails with this status and a message that has the text in it. */
void test_run_fails(const struct test_node *test, int opset, const struct tensor *const *inputs, status code,
                    const char *text);

/* Fails unless element i of the output is this number, but for `roundings` roundings of its type and an absolute error.
 */
void test_number(const struct tensor *output, int64_t i, double expected, double roundings, double absolute,
                 const char *what);

/* Calls body for every definition of the operator and every element type of its first input, at the definition's first
 * opset, but none before 7.
 */
typedef void record_body(const struct op *op, int opset, enum dtype dtype, void *context);
void for_each_record(const char *name, record_body *body, void *context);

/* A FLOAT list of these numbers. */
struct tensor *number_floats(int count, const float *values);
/* The number as a type holds it that wraps, where it is an integer type. */
double number_wrapped(enum dtype dtype, double x);

#endif
