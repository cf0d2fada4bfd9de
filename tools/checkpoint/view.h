/* From the arguments of a rebuild call to a checked view, and from a view to dense numbers. */
#ifndef LIMNER_TOOLS_CHECKPOINT_VIEW_H
#define LIMNER_TOOLS_CHECKPOINT_VIEW_H

#include "tools/checkpoint/checkpoint_tensor.h"
#include "tools/checkpoint/reader.h"

/* Copies the view, dense and row-major, into elements*size bytes at destination. */
void checkpoint_copy(const struct checkpoint_tensor *tensor, void *destination);
/* The same as float32 (from float64, float16, bfloat16, float32 and integers); STATUS_UNSUPPORTED for other types. */
status checkpoint_copy_float(const struct checkpoint_tensor *tensor, float *destination, struct error *err);

/* Checks the view against its storage and fills tensor, but for path and key. *why says why it is no tensor that limner
   reads (then the status is OK and tensor is not filled), else NULL. */
status view_resolve(const struct checkpoint *checkpoint, const struct tensor_view *view,
                    const struct storages *storages, struct checkpoint_tensor *tensor, const char **why,
                    struct error *err);

/* The tensor, whose dtype, shape and strides are known, begins `offset` elements into a storage: sets where it lies. An
   error when it does not lie within, or would take more than the limit written out. */
status view_place(const struct checkpoint *checkpoint, const void *storage, size_t bytes, int64_t offset,
                  struct checkpoint_tensor *tensor, struct error *err);

#endif
