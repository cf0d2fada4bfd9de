/* A model to its file: the messages are built small around the model's own data, then streamed. */
#ifndef LIMNER_ONNX_SAVE_SAVE_H
#define LIMNER_ONNX_SAVE_SAVE_H

#include "onnx/model.h"
#include "onnx/save/save_tensor.h"

/*
 * Writes the model to path: temporary file beside it, then rename, so that a failed save leaves nothing. What is saved
 * loads to the same meaning: same graph, types, attributes, metadata, tensors bit for bit.
 */
status onnx_save(const struct onnx_model *model, const char *path, const struct save_options *options,
                 struct error *err);
/* The same into memory (no external data); *data is the caller's to free(). */
status onnx_save_memory(const struct onnx_model *model, void **data, size_t *bytes, struct error *err);

/* *data is the caller's to free(). */
status tensor_proto_write(const struct tensor *tensor, const char *name, void **data, size_t *bytes, struct error *err);

#endif
