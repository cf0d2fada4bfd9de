/*
 * Map files: what the user says about where weights come from. One statement a line, '#' begins a comment:
 *
 *   INITIALIZER <- KEY [transposed | plain] [folded MODULE]   take the tensor KEY; of a layer's weight: KEY's layer
 *   INITIALIZER <- keep | zeros | ones                        the template's own data, or a constant
 *   INITIALIZER <- zeros folded MODULE                        a bias that a batch norm makes
 *   - <- KEY                                                  do without KEY; "KEY*" stands for all that begin so
 *
 *   PATTERN -> NAME                                           rename keys: one '*' in both stands for any text
 *
 * KEY is a key of the checkpoint, with or without its prefix. "folded encoder.1" folds the batch norm encoder.1 in;
 * "plain" takes a linear layer's weight as it stands. Names with spaces or with '#' stand in double quotes.
 */
#ifndef LIMNER_TOOLS_CONVERT_MAP_H
#define LIMNER_TOOLS_CONVERT_MAP_H

#include "base/pool.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum map_action { MAP_KEY, MAP_KEEP, MAP_ZEROS, MAP_ONES, MAP_IGNORE, MAP_RENAME };

struct map_entry {
    int line;
    enum map_action action;
    const char *target; /* the initializer; NULL for MAP_IGNORE; of MAP_RENAME the pattern */
    const char *key;    /* MAP_KEY and MAP_IGNORE; without the closing '*'; of MAP_RENAME what a key becomes */
    bool all;           /* MAP_IGNORE: the key is the beginning of many */
    bool transposed, plain;
    const char *norm; /* path of the batch norm to fold, or NULL */
};

struct map {
    const char *path;
    struct map_entry *entries;
    int count;
};

/* Reads the text (not ended by a zero). Messages name the path and the line. Everything lives in the pool. */
status map_parse(const char *text, size_t length, const char *path, struct pool *pool, struct map *map,
                 struct error *err);
/* The entry for the initializer, or NULL. map may be NULL. */
const struct map_entry *map_find(const struct map *map, const char *target);

#endif
