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

#endif
