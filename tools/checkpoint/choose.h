/* Which of a file's dictionaries is meant, and the tensors in it. */
#ifndef LIMNER_TOOLS_CHECKPOINT_CHOOSE_H
#define LIMNER_TOOLS_CHECKPOINT_CHOOSE_H

#include "tools/checkpoint/checkpoint_tensor.h"

/*
 * Chooses the dictionary whose tensors count. `wanted` is a dotted path ("generator", "state_dict.netG"): of a
 * dictionary, or of the first part of flat keys; "" or "." is the whole file. NULL searches from the top: where exactly
 * one dictionary has a usual name (generator, state_dict, params, G, model, netG, ...) it is taken; where several have,
 * the one with averaged weights (params_ema, G_ema, ema, ...) if the others are the same network's; else one that holds
 * tensors itself, else the only one with tensors below it that is not an optimizer's or a discriminator's. Several that
 * fit equally: STATUS_INVALID_ARGUMENT lists them and names --key, and the choice before stays. Without this call every
 * tensor of the file is in. Pointers from checkpoint_at and checkpoint_find end here.
 */
status checkpoint_choose(struct checkpoint *checkpoint, const char *wanted, struct error *err);
/* The chosen dictionary's path, "" for the whole file. */
const char *checkpoint_chosen(const struct checkpoint *checkpoint);
/* The dictionaries that the chosen one was preferred to, in quotes; "" when there was nothing to choose from. */
const char *checkpoint_beside(const struct checkpoint *checkpoint);
/* The tensors of the chosen dictionary, in the order of the file (safetensors files are sorted by whoever wrote them,
   not in the order of the model). */
size_t checkpoint_count(const struct checkpoint *checkpoint);
const struct checkpoint_tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t i);
/* By key below the chosen dictionary, or NULL. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *key);
/* Every chosen key begins with this text and has more behind it ("module." after DataParallel); false without keys. */
bool checkpoint_all_begin(const struct checkpoint *checkpoint, const char *prefix);

#endif
