/* Classes of code points: sets of ranges, as they are written in regular expressions. */
#ifndef LIMNER_OPS_TEXT_REGEX_CLASS_H
#define LIMNER_OPS_TEXT_REGEX_CLASS_H

#include "base/pool.h"
#include "ops/text/regex_program.h"

#include <stddef.h>

/* A set that grows. */
struct regex_set {
    struct pool *pool;
    struct regex_range *ranges;
    int count, capacity;
    bool failed; /* for want of memory */
};

void set_add(struct regex_set *set, int32_t low, int32_t high);
/* All that is in none of the other set's ranges. */
void set_add_opposite(struct regex_set *set, const struct regex_set *other);
/* The other case of ASCII letters, too. */
void set_fold_case(struct regex_set *set);
/* \d \D \s \S \w \W by their letter; false for others. */
bool set_add_letter(struct regex_set *set, char letter);
/* [:alpha:] and its like, [:^alpha:]: text begins behind "[:". The length with ":]", 0 where there is no such name. */
size_t set_add_name(struct regex_set *set, const char *text, size_t length);

#endif
