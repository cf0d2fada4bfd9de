/* SequenceProto, OptionalProto and MapProto: values that are no plain tensors. */
#ifndef LIMNER_ONNX_LOAD_LOAD_VALUE_H
#define LIMNER_ONNX_LOAD_LOAD_VALUE_H

#include "onnx/load/loader.h"
#include "onnx/loaded_value.h"

/* message is a kind's (value_descriptor) message; all that the value has lives in loader->pool. */
status load_value(struct loader *loader, const ProtobufCMessage *message, struct loaded_value *out);
/* The message of a DTYPE_SEQUENCE, OPTIONAL or MAP; of a tensor for all else. */
const ProtobufCMessageDescriptor *load_value_descriptor(enum dtype kind);

#endif
