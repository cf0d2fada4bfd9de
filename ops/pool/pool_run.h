/* The engine of pooling: rows of the window are put together to a line, then pixels of the line. */
#ifndef LIMNER_OPS_POOL_POOL_RUN_H
#define LIMNER_OPS_POOL_POOL_RUN_H

#include "ops/pool/pool_window.h"

/* What each thread has for itself; false when that overflows. */
bool pool_own_bytes(const struct op_call *call, const struct pool_window *window, size_t *bytes);
void pool_run(const struct op_call *call, const struct pool_window *window);

#endif
