/* Which picture goes with which mask, and where its results go. */
#ifndef LIMNER_TOOLS_INPAINT_COLLECT_H
#define LIMNER_TOOLS_INPAINT_COLLECT_H

#include "tools/inpaint/batch.h"

/* Finds the pairs, and makes folders for what is written. */
status batch_collect(const struct batch_settings *settings, struct pool *pool, struct picture_batch *batch,
                     struct error *err);

#endif
