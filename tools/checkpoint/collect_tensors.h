/* Finds the tensors among the values of a pickle: a walk with a stack of its own and a limit on every count. */
#ifndef LIMNER_TOOLS_CHECKPOINT_COLLECT_TENSORS_H
#define LIMNER_TOOLS_CHECKPOINT_COLLECT_TENSORS_H

#include "tools/checkpoint/reader.h"

/* Walks through the values from the top and adds every tensor, opaque value and group. Storages must have been found.
 */
status collect_tensors(struct checkpoint *checkpoint, struct pickle_value *top, const struct storages *storages,
                       struct error *err);

#endif
