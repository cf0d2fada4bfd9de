/* From a NumPy array of a pickle to a tensor of the checkpoint. */
#ifndef LIMNER_TOOLS_CHECKPOINT_NUMPY_TENSOR_H
#define LIMNER_TOOLS_CHECKPOINT_NUMPY_TENSOR_H

#include "tools/checkpoint/numpy_pickle.h"
#include "tools/checkpoint/reader.h"

/* Fills tensor, but for path and key. *why says why it is none that limner reads (then the status is OK), else NULL. */
status numpy_resolve(struct checkpoint *checkpoint, const struct numpy_array *array, struct checkpoint_tensor *tensor,
                     const char **why, struct error *err);

#endif
