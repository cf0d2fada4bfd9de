/* safetensors: the length of a JSON header, the header, and the bytes of all tensors side by side. */
#ifndef LIMNER_TOOLS_CHECKPOINT_SAFETENSORS_H
#define LIMNER_TOOLS_CHECKPOINT_SAFETENSORS_H

#include "tools/checkpoint/reader.h"

bool safetensors_recognise(const struct file_map *map);
status safetensors_read(struct checkpoint *checkpoint, struct error *err);

#endif
