/*
 * A plan made over to another program: its steps, places and arena stay, the constants are the other program's, and
 * operators take weights anew. Shapes are asked for again only where a constant could have a say in them.
 */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_REUSE_H
#define LIMNER_RUNTIME_PLAN_PLAN_REUSE_H

#include "runtime/plan/plan.h"

/*
 * The old plan made over to a program that is alike (program_alike): the same steps, places and arena with the
 * program's own constants, and weights of its cache. The ports must be the same ones. *out is NULL, and no error, when
 * the program is not alike or its constants ask for another plan. The old plan stays as it is.
 */
status plan_reuse(const struct plan *old, const struct program *program, struct weight_cache *weights,
                  struct plan **out, struct error *err);

#endif
