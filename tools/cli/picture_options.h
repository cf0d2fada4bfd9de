/* Options of the commands that read pictures and write them. */
#ifndef LIMNER_TOOLS_CLI_PICTURE_OPTIONS_H
#define LIMNER_TOOLS_CLI_PICTURE_OPTIONS_H

#include "tools/cli/arguments.h"
#include "tools/files/picture_file.h"

option_set set_keep_orientation; /* bool: upright or keep */
option_set set_through_srgb;     /* bool: keep or srgb */
option_set set_quality;          /* int, 1 to 100 */
option_set set_format;           /* const char *: an ending of a format that is written, or NULL for "same" */

/* Rows of an option table; `saving` is a struct picture_saving of the settings. */
#define PICTURE_SAVING_OPTIONS(settings, saving)                                                                     \
    {"orientation",                                                                                                  \
     0,                                                                                                              \
     "WHAT",                                                                                                         \
     "how results of pictures with an orientation tag (EXIF, TIFF) are written: upright, or keep: turned as the "    \
     "file had it, with its tag (default: upright)",                                                                 \
     set_keep_orientation,                                                                                           \
     offsetof(settings, saving.keep_orientation)},                                                                   \
        {"colour-profile",                                                                                           \
         0,                                                                                                          \
         "WHAT",                                                                                                     \
         "keep: the model gets the samples as they are, the result has the picture's profile; srgb: the model gets " \
         "sRGB, and the result goes back into the picture's profile (default: keep)",                                \
         set_through_srgb,                                                                                           \
         offsetof(settings, saving.through_srgb)},                                                                   \
        {"keep-metadata",                                                                                            \
         0,                                                                                                          \
         NULL,                                                                                                       \
         "also keep EXIF and XMP (with orientation and size made true, without thumbnails) and text; the colour "    \
         "profile "                                                                                                  \
         "and the resolution are always kept",                                                                       \
         set_flag,                                                                                                   \
         offsetof(settings, saving.keep_metadata)},                                                                  \
    {                                                                                                                \
        "quality", 0, "N", "of JPEG and WebP, 1 to 100 (default: 95 for JPEG; WebP without loss)", set_quality,      \
            offsetof(settings, saving.quality)                                                                       \
    }

#endif
