/* Reads JSON (RFC 8259) piece by piece, strictly, out of memory. No trees: the caller knows what it expects. */
#ifndef LIMNER_TOOLS_CHECKPOINT_JSON_SCAN_H
#define LIMNER_TOOLS_CHECKPOINT_JSON_SCAN_H

#include "base/pool.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_scan {
    const char *text;
    size_t bytes, at;
    size_t base; /* where the text lies in the file: for messages */
    struct error *err;
};

/* "byte N: MESSAGE" of the present place. */
status json_scan_fail(struct json_scan *scan, const char *expected);
/* Skips spaces and reads this character; a failure names it. */
status json_scan_expect(struct json_scan *scan, char wanted);
/* The same if it is there. */
bool json_scan_accept(struct json_scan *scan, char wanted);
/* Skips spaces and this word, if it is there. */
bool json_scan_word(struct json_scan *scan, const char *word);
/* A text into the buffer, with a closing zero: UTF-8 without zero bytes. STATUS_LIMIT when it is longer. */
status json_scan_text(struct json_scan *scan, char *buffer, size_t capacity);
/* Skips a text of any length. */
status json_scan_skip_text(struct json_scan *scan);
/* A whole number from 0 to INT64_MAX. */
status json_scan_number(struct json_scan *scan, int64_t *number);
/* Skips a value of any kind, of lists and objects within each other at most `depth` deep (STATUS_LIMIT). */
status json_scan_skip(struct json_scan *scan, int depth);
/* Nothing but spaces is left. */
status json_scan_end(struct json_scan *scan);

#endif
