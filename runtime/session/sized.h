/* Structures of limner.h that begin with their size: what older and newer callers know of them. */
#ifndef LIMNER_RUNTIME_SESSION_SIZED_H
#define LIMNER_RUNTIME_SESSION_SIZED_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies what the caller gives (NULL: nothing) to the `bytes` of the structure as this library has it; what is missing
 * is 0. STATUS_INVALID_ARGUMENT for a size that cannot be, and for what this library does not know. name: for messages.
 */
status sized_read(const void *given, void *known, size_t bytes, const char *name, struct error *err);
/* Copies an answer of `bytes` to the caller's structure, as much as fits, but for its size. False when that is none. */
bool sized_write(void *given, const void *known, size_t bytes);

#endif
