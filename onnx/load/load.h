/* A model from its file: mapped, scanned, unpacked, converted. */
#ifndef LIMNER_ONNX_LOAD_LOAD_H
#define LIMNER_ONNX_LOAD_LOAD_H

#include "onnx/loaded_value.h"
#include "onnx/model.h"

/*
 * Loads the file at path. Large raw tensors stay where they lie in the mapped file (or external data file); limits
 * may be NULL. The caller closes *out with onnx_close. Calls of model-local functions are expanded.
 */
status onnx_load(const char *path, const struct load_limits *limits, struct onnx_model **out, struct error *err);
/*
 * The same from memory, which the caller keeps alive and unchanged until onnx_close. folder is where external data
 * lies; NULL means that external data is an error.
 */
status onnx_load_memory(const void *data, size_t bytes, const char *folder, const struct load_limits *limits,
                        struct onnx_model **out, struct error *err);
/* NULL is allowed. */
void onnx_close(struct onnx_model *model);
/* One TensorProto, as ONNX's test_data_set folders hold them. *name (may be "") and the data live in the pool. */
status tensor_proto_read(const void *bytes, size_t size, struct pool *pool, const struct load_limits *limits,
                         struct tensor *out, const char **name, struct error *err);

/* A message of that kind: DTYPE_SEQUENCE, OPTIONAL, MAP; a TensorProto for all else. All of it lives in the pool. */
status value_proto_read(const void *bytes, size_t size, enum dtype kind, struct pool *pool,
                        const struct load_limits *limits, struct loaded_value *out, struct error *err);

#endif
