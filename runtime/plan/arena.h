/* Where each piece of memory lies that is needed only from one step to another. Pure arithmetic. */
#ifndef LIMNER_RUNTIME_PLAN_ARENA_H
#define LIMNER_RUNTIME_PLAN_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#define ARENA_ALIGNMENT 64

/* Wanted: `bytes` from step `first` to step `last`, both included. offset is the answer. */
struct arena_item {
    size_t bytes;
    int first, last;
    size_t offset;
};

/*
 * Gives every item an offset so that items alive at the same step do not overlap; *total is the size of the arena.
 * Offsets are multiples of ARENA_ALIGNMENT; items of zero bytes get offset 0. The same items always get the same
 * offsets. *total is SIZE_MAX when sizes overflow. False without memory.
 */
bool arena_layout(struct arena_item *items, int count, size_t *total);

#endif
