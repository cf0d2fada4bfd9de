/* Values of options: numbers, NAME=FILE pairs, shapes, ranges. Each set_* is an option_set for a field of the type
 * named. */
#ifndef LIMNER_TOOLS_CLI_VALUES_H
#define LIMNER_TOOLS_CLI_VALUES_H

#include "base/tensor.h"
#include "tools/cli/arguments.h"

struct name_file {
    const char *name, *file;
};
struct pair_list {
    struct name_file *items;
    int count;
};

struct given_shape {
    const char *name; /* NULL: of the one input that is not named otherwise */
    struct shape shape;
};
struct shape_list {
    struct given_shape *items;
    int count;
};

option_set set_flag;     /* bool */
option_set set_text;     /* const char * */
option_set set_file;     /* const char *: set_text that refuses the empty text */
option_set set_count;    /* int, 0 and above */
option_set set_positive; /* int, 1 and above */
option_set set_number;   /* double, 0 and above, finite */
option_set set_pixels;   /* size_t, 1 and above, with k, M or G behind it */
option_set set_pairs;    /* struct pair_list */
option_set set_shapes;   /* struct shape_list */

/* "1x3x256x256" */
status parse_shape(const char *text, struct shape *shape, struct error *err);

#endif
