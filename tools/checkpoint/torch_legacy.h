/*
 * What torch.save wrote before PyTorch 1.6: pickles one after the other (a magic number, the version of the protocol,
 * facts about the machine, the object, the keys of its storages), then for each key a count and the storage's bytes.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_TORCH_LEGACY_H
#define LIMNER_TOOLS_CHECKPOINT_TORCH_LEGACY_H

#include "tools/checkpoint/reader.h"

bool torch_legacy_recognise(const struct file_map *map);
status torch_legacy_read(struct checkpoint *checkpoint, struct error *err);

#endif
