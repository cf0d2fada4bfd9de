/* Colours from a picture's own profile to sRGB and back, through Little CMS where limner was built with it. */
#ifndef LIMNER_TOOLS_FILES_COLOUR_H
#define LIMNER_TOOLS_FILES_COLOUR_H

#include "tools/files/picture.h"

bool colour_is_known(void); /* limner was built with Little CMS */

/* The samples mean other colours than in sRGB: there is a profile for them, or a PNG says primaries or gamma. */
bool colour_differs(const struct picture *picture);

/* Samples to sRGB; a gray picture with a profile becomes RGB. Nothing happens where colour_differs says no. */
status colour_to_srgb(struct picture *picture, struct error *err);

/* The way back, for an RGB picture of any size or depth, into what `about` says: only where that was RGB, too. */
status colour_from_srgb(struct picture *picture, const struct picture_about *about, struct error *err);

#endif
