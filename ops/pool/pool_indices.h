/* MaxPool with the second output: where the largest elements stand. */
#ifndef LIMNER_OPS_POOL_POOL_INDICES_H
#define LIMNER_OPS_POOL_POOL_INDICES_H

#include "ops/pool/pool_window.h"

/* Output 0 may be unwanted. Of equal elements the first one counts, and an element that is not a number is the largest.
 */
void pool_indices_run(const struct op_call *call, const struct pool_window *window);

#endif
