/* TensorProto to struct tensor: every element type, from every field that may hold it, and from external data. */
#ifndef LIMNER_ONNX_LOAD_LOAD_TENSOR_H
#define LIMNER_ONNX_LOAD_LOAD_TENSOR_H

#include "onnx/load/loader.h"

/* Raw data is looked for in maps[0] of loader->files. */
status load_tensor(struct loader *loader, const Onnx__TensorProto *proto, struct tensor *out);
/* Element type and shape only. */
status load_tensor_shape(struct loader *loader, int32_t data_type, size_t rank, const int64_t *dims,
                         struct tensor *out);
/* Zeroed (for texts: empty) elements for a described tensor, paid from limits.expanded_bytes. */
status load_tensor_room(struct loader *loader, struct tensor *tensor);
/* The same, filled with what its data were: a copy that is aligned. */
status load_tensor_copy(struct loader *loader, struct tensor *tensor);

#endif
