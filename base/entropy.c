#include "base/entropy.h"

#include <stddef.h>
#include <sys/random.h>
#include <time.h>

uint64_t entropy_number(void) {
    uint64_t number;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number)
        return number;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u) ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&now;
}
