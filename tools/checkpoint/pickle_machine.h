/* The state of a pickle that is being read, and what all that work on it share. */
#ifndef LIMNER_TOOLS_CHECKPOINT_PICKLE_MACHINE_H
#define LIMNER_TOOLS_CHECKPOINT_PICKLE_MACHINE_H

#include "tools/checkpoint/value.h"

struct storages;

struct pickle {
    /* Set by the caller. */
    const uint8_t *data; /* offsets in messages count from here */
    size_t bytes;
    size_t at;                 /* where the stream begins; behind its end afterwards */
    bool cut;                  /* bytes is a limit, not the end */
    size_t *objects;           /* how many more values, stack places, memo entries and items there may be */
    struct pool *pool;         /* where values live */
    struct storages *storages; /* NULL: storages are an error */
    struct error *err;

    /* The machine's own. */
    size_t opcode_at;
    struct pickle_value **stack, **memo;
    size_t depth, stack_capacity, memo_count, memo_capacity;
    size_t *marks; /* stack depths */
    size_t mark_count, mark_capacity;
    bool stopped;
};

/* "byte N: MESSAGE" where N is the present opcode's. */
status pickle_fail(struct pickle *pickle, status code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Takes so many objects of those that there may be. */
status pickle_pay(struct pickle *pickle, size_t count);
/* A new value, or NULL after a failure. */
struct pickle_value *pickle_new_value(struct pickle *pickle, enum value_kind kind);

/* "the pickle is damaged: WHAT". */
status pickle_broken(struct pickle *pickle, const char *what);
/* The next count bytes, or NULL after a failure. */
const uint8_t *pickle_take(struct pickle *pickle, uint64_t count);
/* A little-endian number of `width` bytes. */
status pickle_take_number(struct pickle *pickle, unsigned width, uint64_t *number);

/* ---- the stack ---- */

/* NULL is a failure that has been said. */
status pickle_push(struct pickle *pickle, struct pickle_value *value);
/* Fails unless so many values are above the last mark. */
status pickle_need(struct pickle *pickle, size_t count);
/* The last value, which must be there. */
struct pickle_value *pickle_top(const struct pickle *pickle);
/* The same, taken off. */
struct pickle_value *pickle_pop(struct pickle *pickle);
status pickle_mark(struct pickle *pickle);
/* Forgets the last mark; *count values were above it. They stay until the caller takes them off. */
status pickle_end_mark(struct pickle *pickle, size_t *count);
/* Forgets the last mark and what is above it. */
status pickle_drop_to_mark(struct pickle *pickle);

/* ---- the memo ---- */

/* Keeps the last value of the stack under a number. */
status pickle_memo_put(struct pickle *pickle, size_t index);
/* Pushes what was kept. */
status pickle_memo_get(struct pickle *pickle, uint64_t index);
/* Forgets stack, marks and memo. */
void pickle_clear(struct pickle *pickle);

#endif
