/* struct attribute to AttributeProto. */
#ifndef LIMNER_ONNX_SAVE_SAVE_ATTRIBUTE_H
#define LIMNER_ONNX_SAVE_SAVE_ATTRIBUTE_H

#include "onnx/save/saver.h"

status save_attribute(struct saver *saver, const struct attribute *attribute, Onnx__AttributeProto **out);

#endif
