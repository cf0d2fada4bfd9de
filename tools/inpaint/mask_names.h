/* Which mask belongs to which picture, by their names. */
#ifndef LIMNER_TOOLS_INPAINT_MASK_NAMES_H
#define LIMNER_TOOLS_INPAINT_MASK_NAMES_H

#include <stddef.h>

/* Of a picture NAME.png, the best kind that is there counts. */
enum mask_kind { MASK_SAME_NAME, MASK_ENDING, MASK_NUMBERED, MASK_PREFIX, MASK_KINDS, MASK_NONE = MASK_KINDS };

/* NAME.*, NAME_mask.*, NAME_mask001.*, mask_NAME.* in this order; names without folders. */
enum mask_kind mask_kind(const char *mask, const char *picture);

/* Of a file's name, without its ending. */
size_t stem_length(const char *name);

#endif
