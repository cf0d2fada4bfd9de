/* Models with branches and loops, and running them. */
#ifndef LIMNER_TESTS_SUPPORT_CONTROL_GRAPHS_H
#define LIMNER_TESTS_SUPPORT_CONTROL_GRAPHS_H

#include "runtime/session/session.h"
#include "tests/support/builder.h"

/* Inputs of one dimension, or of none. */
limner_tensor floats(const char *name, float *data, int64_t count);
limner_tensor number(const char *name, int64_t *data);
limner_tensor flag(const char *name, unsigned char *data);

/* The output has these numbers. */
void expect_floats(const limner_tensor *output, int count, const float *expected);

/* ---- models ---- */

/* A value that goes into the loop and comes out of it: next = v + w, part = v * w; w is a value around. */
struct builder adding_body(const struct builder *outer);

/* w = x + x; Loop(trips, go, x) with adding_body; y = -last. */
struct builder adding_loop(void);

/* Concat(v, x) again and again: a shape of its own in every iteration. */
struct builder growing_loop(void);
struct builder branch(const struct builder *outer, const char *op_type, const char *inputs);

/* y = c ? x + w : -x, and z = exp(y); w = x + x. */
struct builder choice(const char *condition);

/* ---- running ---- */
/* Runs adding_loop() and compares with sums made here. */
void run_adding(limner_session *session, int64_t trips, unsigned char go);

/* Steps that are planned while they run. */
size_t dynamic_steps(const limner_session *session);

/* Runs choice() and compares. */
void run_choice(limner_session *session, unsigned char *c, bool then);

#endif
