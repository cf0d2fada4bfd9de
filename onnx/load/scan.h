/* The wire scan: everything a file could do to a protobuf reader is checked here, before anything is allocated for it.
 */
#ifndef LIMNER_ONNX_LOAD_SCAN_H
#define LIMNER_ONNX_LOAD_SCAN_H

#include "onnx/model.h"

#include <protobuf-c/protobuf-c.h>

/*
 * Walks the bytes as a message of this kind and writes its skeleton: the same message, in canonical form, without
 * unknown fields, without what limner has no use for (training, device placement, quantization notes) and with
 * raw_offset and raw_length, counted from `bytes`, in the place of every TensorProto's raw_data. The skeleton can be
 * unpacked by protobuf-c in bounded memory and stack. limits has no zero fields. *skeleton is the caller's to free().
 */
status wire_scan(const void *bytes, size_t size, const ProtobufCMessageDescriptor *message,
                 const struct load_limits *limits, uint8_t **skeleton, size_t *skeleton_size, struct error *err);

#endif
