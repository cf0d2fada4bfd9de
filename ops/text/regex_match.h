/* Whether texts match a regular expression, and where. */
#ifndef LIMNER_OPS_TEXT_REGEX_MATCH_H
#define LIMNER_OPS_TEXT_REGEX_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct regex;

/* Bytes that regex_match() works in, and that no other thread may use meanwhile; aligned as for an int. */
size_t regex_workspace(const struct regex *regex);
/* The whole text matches. Bytes that are no UTF-8 match nothing. */
bool regex_match(const struct regex *regex, const char *text, size_t length, void *workspace);

/* As regex_workspace(), for regex_find(); aligned as for a size_t. */
size_t regex_find_workspace(const struct regex *regex);
/* The first match that begins at byte `from` (the start of a code point, or the end) or behind it, the longest of those
 * that begin there; it may be empty. What is before counts for ^ and \b. Takes time that is linear in
 * what is behind `from`. */
bool regex_find(const struct regex *regex, const char *text, size_t length, size_t from, size_t *begin, size_t *end,
                void *workspace);

#endif
