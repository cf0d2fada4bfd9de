/* What torch.save has written since PyTorch 1.6: a zip archive with a pickle and one entry per storage. */
#ifndef LIMNER_TOOLS_CHECKPOINT_TORCH_ZIP_H
#define LIMNER_TOOLS_CHECKPOINT_TORCH_ZIP_H

#include "tools/checkpoint/reader.h"

bool torch_zip_recognise(const struct file_map *map);
status torch_zip_read(struct checkpoint *checkpoint, struct error *err);

#endif
