/* What a regular expression is compiled to. */
#ifndef LIMNER_OPS_TEXT_REGEX_PROGRAM_H
#define LIMNER_OPS_TEXT_REGEX_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define REGEX_MOST_STATES 10000

enum regex_step {
    REGEX_CLASS,  /* one code point of the ranges, then the next state */
    REGEX_SPLIT,  /* both x and y */
    REGEX_ASSERT, /* on, where `assertion` holds */
    REGEX_ON,     /* to x */
    REGEX_MATCH
};

enum regex_assertion { AT_TEXT_START, AT_TEXT_END, AT_LINE_START, AT_LINE_END, AT_WORD_EDGE, AT_NO_WORD_EDGE };

struct regex_range {
    int32_t low, high;
};

struct regex_state {
    enum regex_step step;
    enum regex_assertion assertion;
    int x, y;
    const struct regex_range *ranges;
    int range_count;
    bool opposite; /* what is in none of the ranges */
};

struct regex {
    struct regex_state *states;
    int count;
};

#endif
