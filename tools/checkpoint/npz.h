/* NumPy's .npz: a zip archive of .npy files, stored or compressed. */
#ifndef LIMNER_TOOLS_CHECKPOINT_NPZ_H
#define LIMNER_TOOLS_CHECKPOINT_NPZ_H

#include "tools/checkpoint/archive.h"
#include "tools/checkpoint/reader.h"

/* An entry is a .npy file. */
bool npz_recognise(const struct archive *archive);
/* Arrays are called as their entries are, without ".npy". Those of objects and texts are opaque. */
status npz_read(struct checkpoint *checkpoint, struct archive *archive, struct error *err);

#endif
