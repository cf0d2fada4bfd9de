/*
 * Reads Python's pickle format, protocols 2 to 5 as torch.save writes them, into values. Nothing is run: classes and
 * functions outside of a fixed set make opaque values.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_PICKLE_H
#define LIMNER_TOOLS_CHECKPOINT_PICKLE_H

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
    struct value **stack, **memo;
    size_t depth, stack_capacity, memo_count, memo_capacity;
    size_t *marks; /* stack depths */
    size_t mark_count, mark_capacity;
    bool stopped;
};

/* Reads one pickle. Messages begin with "byte N: ". */
status pickle_read(struct pickle *pickle, struct value **out);

/* ---- for pickle_*.c ---- */

/* "byte N: MESSAGE" where N is the present opcode's. */
status pickle_fail(struct pickle *pickle, status code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A new value, or NULL after a failure. */
struct value *pickle_value(struct pickle *pickle, enum value_kind kind);

#endif
