/* struct tensor to TensorProto: its data in the message, or in the external file. */
#ifndef LIMNER_ONNX_SAVE_SAVE_TENSOR_H
#define LIMNER_ONNX_SAVE_SAVE_TENSOR_H

#include "onnx/model.h"
#include "onnx/save/saver.h"

/* may_move: large data goes to the external file. */
status save_tensor(struct saver *saver, const struct tensor *tensor, const char *name, bool may_move,
                   Onnx__TensorProto **out);
status save_metadata(struct saver *saver, const struct metadata *metadata, int count,
                     Onnx__StringStringEntryProto ***out, size_t *out_count);

#endif
