/* Entries of zip archives as they were before they were packed. */
#ifndef LIMNER_TOOLS_CHECKPOINT_UNPACK_H
#define LIMNER_TOOLS_CHECKPOINT_UNPACK_H

#include "tools/checkpoint/archive.h"
#include "tools/checkpoint/reader.h"

/* entry->data becomes the entry's bytes: where they lie, or unpacked into memory that the checkpoint keeps, as much as
   its limit allows. `checked`: compared with their checksum. */
status unpack_entry(struct checkpoint *checkpoint, struct archive_entry *entry, bool checked, struct error *err);

#endif
