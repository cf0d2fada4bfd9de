/* Checkpoints of PyTorch and others, read without Python: named tensors and nothing else. */
#ifndef LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H
#define LIMNER_TOOLS_CHECKPOINT_CHECKPOINT_H

#include "tools/checkpoint/checkpoint_tensor.h"

/*
 * Loads a PyTorch zip file, TorchScript program or archive of torch.export, a PyTorch pickle of before 1.6, a
 * safetensors file, NumPy's .npz, or a pickle of NumPy arrays, told apart by content. Nothing of it is ever run. A
 * saved module (not its state_dict) is read as the state_dict it would give. Messages begin with the file's name.
 */
status checkpoint_load(const char *path, const struct checkpoint_limits *limits, struct checkpoint **out,
                       struct error *err);
/* The same from memory that the caller keeps alive; `name` stands in messages. */
status checkpoint_load_memory(const void *data, size_t bytes, const char *name, const struct checkpoint_limits *limits,
                              struct checkpoint **out, struct error *err);
/* NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);

/* "pytorch zip", "torchscript", "torch.export", "pytorch legacy", "safetensors", "npz", "pickle". */
const char *checkpoint_format(const struct checkpoint *checkpoint);

/* What could not be read as a tensor, in the whole file; of a list, only the first such item. */
size_t checkpoint_opaque_count(const struct checkpoint *checkpoint);
const struct checkpoint_opaque *checkpoint_opaque_at(const struct checkpoint *checkpoint, size_t i);

#endif
