#include "tools/inpaint/mask_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

size_t stem_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

static bool are_digits(const char *text, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return true;
}

enum mask_kind mask_kind(const char *mask, const char *picture) {
    static const char ending[] = "_mask", prefix[] = "mask_";
    const size_t length = stem_length(picture), word = sizeof ending - 1, mask_length = stem_length(mask);
    if (mask_length == length && memcmp(mask, picture, length) == 0)
        return MASK_SAME_NAME;
    if (mask_length >= length + word && memcmp(mask, picture, length) == 0 &&
        memcmp(mask + length, ending, word) == 0 && are_digits(mask + length + word, mask_length - length - word))
        return mask_length == length + word ? MASK_ENDING : MASK_NUMBERED;
    if (mask_length == length + word && memcmp(mask, prefix, word) == 0 && memcmp(mask + word, picture, length) == 0)
        return MASK_PREFIX;
    return MASK_NONE;
}
