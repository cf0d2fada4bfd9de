/* Values as files hold them (TensorProto, SequenceProto, OptionalProto, MapProto). */
#ifndef LIMNER_ONNX_LOADED_VALUE_H
#define LIMNER_ONNX_LOADED_VALUE_H

#include "base/tensor.h"

/* A value of a file: a tensor, or a sequence, an optional or a map of items. */
struct loaded_value {
    struct tensor tensor; /* DTYPE_SEQUENCE, OPTIONAL or MAP: the type alone */
    const char *name;     /* "" as a rule */
    struct loaded_value *items;
    size_t count; /* of an optional at most one; of a map two, its keys and its values, lists of one length */
};

#endif
