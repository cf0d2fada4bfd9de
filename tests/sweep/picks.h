/* What the planner picked, in words. */
#ifndef LIMNER_TESTS_SWEEP_PICKS_H
#define LIMNER_TESTS_SWEEP_PICKS_H

#include "runtime/limner.h"

#include <stddef.h>

#define MOST_PICK 80

/* Calls note with every algorithm that the plan of the session's last run uses. */
void picks_of(const limner_session *session, void (*note)(const char *pick, void *context), void *context);

#endif
