/*
 * Regular expressions in RE2's syntax, matched in time that is linear in the text: a nondeterministic automaton all of
 * whose states are followed at once (Thompson 1968). There are no back references, and no look-around.
 */
#ifndef LIMNER_OPS_TEXT_REGEX_H
#define LIMNER_OPS_TEXT_REGEX_H

#include "base/pool.h"
#include "base/status.h"

struct regex;

/*
 * Known: literals, . [classes] [[:names:]] \d \w \s and their opposites, ^ $ \A \z \b \B, groups, flags i s m U,
 * | * + ? {n,m} and their lazy forms, \Q..\E, and escapes of code points. STATUS_INVALID_MODEL for what RE2 would
 * refuse, STATUS_UNSUPPORTED for Unicode classes, STATUS_LIMIT above REGEX_MOST_STATES. Lives in the pool.
 */
status regex_compile(const char *pattern, size_t length, struct pool *pool, struct regex **out, struct error *err);
#endif
