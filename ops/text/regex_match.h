/* Whether texts match a regular expression. */
#ifndef LIMNER_OPS_TEXT_REGEX_MATCH_H
#define LIMNER_OPS_TEXT_REGEX_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct regex;

/* Bytes that regex_match() works in, and that no other thread may use meanwhile; aligned as for an int. */
size_t regex_workspace(const struct regex *regex);
/* The whole text matches. Bytes that are no UTF-8 match nothing. */
bool regex_match(const struct regex *regex, const char *text, size_t length, void *workspace);

#endif
