/* Turning and mirroring pictures as EXIF's orientation says. */
#ifndef LIMNER_TOOLS_FILES_ORIENTATION_H
#define LIMNER_TOOLS_FILES_ORIENTATION_H

#include "tools/files/picture.h"

/* From as stored to as seen. */
status picture_turn_upright(struct picture *picture, int orientation, struct error *err);
/* And back. */
status picture_turn_back(struct picture *picture, int orientation, struct error *err);

#endif
