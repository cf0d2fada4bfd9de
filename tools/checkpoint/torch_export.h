/* Archives of torch.export (.pt2), as PyTorch writes them from 2.8 on: a JSON text says how tensors lie in entries. */
#ifndef LIMNER_TOOLS_CHECKPOINT_TORCH_EXPORT_H
#define LIMNER_TOOLS_CHECKPOINT_TORCH_EXPORT_H

#include "tools/checkpoint/archive.h"
#include "tools/checkpoint/reader.h"

/* The entry that says where the tensors lie, or NULL. */
struct archive_entry *torch_export_find(const struct archive *archive);
/* Parameters and buffers by the names that the module has for them. What is not written as plain numbers is opaque. */
status torch_export_read(struct checkpoint *checkpoint, const struct archive *archive, struct archive_entry *config,
                         struct error *err);

#endif
