/* AttributeProto to struct attribute: every type of value, checked. */
#ifndef LIMNER_ONNX_LOAD_LOAD_ATTRIBUTE_H
#define LIMNER_ONNX_LOAD_LOAD_ATTRIBUTE_H

#include "onnx/load/loader.h"

status load_attribute(struct loader *loader, struct scope *scope, const Onnx__AttributeProto *proto,
                      struct attribute *out);
/* All attributes of a node, references to the attributes of the function call resolved. */
status load_attributes(struct loader *loader, struct scope *scope, const Onnx__NodeProto *proto, struct attribute **out,
                       int *count);

#endif
