/* How much memory this process may use. */
#ifndef LIMNER_BASE_MEMORY_LIMITS_H
#define LIMNER_BASE_MEMORY_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

/* In bytes; SIZE_MAX where there is no limit, or none is known. */
struct memory_limits {
    size_t machine; /* what there is */
    size_t process; /* the least of RLIMIT_AS and RLIMIT_DATA */
    size_t group;   /* the least of its control groups' memory.max and memory.high, those above it included */
    /* The least of the machine's memory and of what is left below each limit, so that work of this size can be begun;
     * what others have of the machine may be swapped out and does not count. */
    size_t room;
    size_t available; /* the same, less what others have of the machine */
    size_t hard_room; /* what is left below the control groups' memory.max, at which the kernel ends processes */
};

/* /proc and /sys are looked up below root, "" for the system's own. */
void memory_limits_read(const char *root, struct memory_limits *limits);

/*
 * False when a control group's memory.max leaves too little for `bytes` more, swap included: the kernel would end the
 * process when they are touched. True where there is no such limit, and for up to 8 MiB, which are not looked up.
 */
bool memory_room_for(const char *root, size_t bytes);

#endif
