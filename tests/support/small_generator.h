/* A small network that makes pictures, and a picture for it. */
#ifndef LIMNER_TESTS_SUPPORT_SMALL_GENERATOR_H
#define LIMNER_TESTS_SUPPORT_SMALL_GENERATOR_H

#include "runtime/session/session.h"
#include "tests/support/builder.h"

void make_small_generator(struct builder *b, uint64_t seed);
limner_model *small_generator(uint64_t seed);
struct tensor *small_picture(int batch, int height, int width);

/* Runs a session of a small generator on the picture; the output points into the session. */
void run_picture(limner_session *session, const struct tensor *x, limner_tensor *output);

#endif
