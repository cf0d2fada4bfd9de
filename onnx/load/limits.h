/* What a model may take at most. */
#ifndef LIMNER_ONNX_LOAD_LIMITS_H
#define LIMNER_ONNX_LOAD_LIMITS_H

#include "onnx/model.h"

/* limits with the defaults in its zero fields; limits may be NULL. */
struct load_limits limits_filled(const struct load_limits *limits);

/* Memory that the skeleton may take once it is unpacked, packed tensor data aside. */
size_t limits_decoded(const struct load_limits *limits);

#endif
