/* A pattern while it is read, and the states of the automaton that come of it. */
#ifndef LIMNER_OPS_TEXT_REGEX_STATES_H
#define LIMNER_OPS_TEXT_REGEX_STATES_H

#include "base/status.h"
#include "ops/text/regex_class.h"
#include "ops/text/regex_program.h"

enum regex_flags { FOLDS_CASE = 1, DOT_TAKES_LINES = 2, MANY_LINES = 4 };

struct regex_parser {
    const char *pattern;
    size_t at, length;
    struct pool *pool;
    struct regex *regex;
    int capacity;
    unsigned flags;
    bool quoted;       /* behind \\Q */
    int depth, ranges; /* ranges: of all classes so far */
    struct error *err;
};

/* A piece of the automaton: it begins at a state and ends at one, REGEX_ON, whose way on is still open. */
struct regex_piece {
    int begin, end;
};

/* Fails with the place in the pattern, and what is wrong there. */
status regex_refuse(const struct regex_parser *p, const char *what);
/* Whether the text stands next in the pattern; regex_take() goes behind it where it does. */
bool regex_sees(const struct regex_parser *p, const char *text);
bool regex_take(struct regex_parser *p, const char *text);

/* A state of its own: its place is *index. */
status regex_add_state(struct regex_parser *p, struct regex_state state, int *index);
/* The state, and an open end behind it. */
status regex_add_piece(struct regex_parser *p, struct regex_state state, struct regex_piece *out);
/* Leads the open end to a state. */
void regex_join(struct regex_parser *p, int end, int to);
/* Pieces that take a code point of the set, or this one (in either case where the flags say so), and one that takes
   nothing where the assertion holds. */
status regex_add_set(struct regex_parser *p, struct regex_set *set, bool opposite, struct regex_piece *out);
status regex_add_code(struct regex_parser *p, int32_t code, struct regex_piece *out);
status regex_add_assertion(struct regex_parser *p, enum regex_assertion assertion, struct regex_piece *out);

#endif
