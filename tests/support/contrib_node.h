/* Running operators of com.microsoft in tests. */
#ifndef LIMNER_TESTS_SUPPORT_CONTRIB_NODE_H
#define LIMNER_TESTS_SUPPORT_CONTRIB_NODE_H

#include "tests/support/support.h"

/* Random numbers: floats as random_float(), integers of 0 to 255. */
struct tensor *contrib_numbers(struct random *random, enum dtype dtype, int rank, int a, int b, int c, int d);

/* Tensors that are NULL are left out. */
void contrib_free(struct tensor *const *tensors, int count);

/* Runs the node in this domain and opset; outputs are described and made. Then the same, which must succeed, or must be
   refused with this in the message. */
status contrib_try(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                   struct tensor *const *outputs, struct error *err);
void contrib_must(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                  struct tensor *const *outputs);
void contrib_refuses(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                     const char *message);

#endif
