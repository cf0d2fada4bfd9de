/* TypeProto to struct declared_type: what the file says of a value. */
#ifndef LIMNER_ONNX_LOAD_LOAD_TYPE_H
#define LIMNER_ONNX_LOAD_LOAD_TYPE_H

#include "onnx/load/loader.h"

/* type may be NULL: nothing declared. */
status load_type(struct loader *loader, const Onnx__TypeProto *type, struct declared_type *out);
/* The message as bytes in the pool. */
status load_encoded(struct loader *loader, const ProtobufCMessage *message, struct text *out);

#endif
