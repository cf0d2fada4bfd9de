#include "ops/text/strings.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

bool text_equal(struct text a, struct text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

status text_copy(const struct op_call *call, const char *bytes, size_t length, struct text *out, struct error *err) {
    char *copy;
    if (heap_text(call->heap, length, &copy, err) != STATUS_OK)
        return err->code;
    if (length > 0)
        memcpy(copy, bytes, length);
    *out = (struct text){copy, length};
    return STATUS_OK;
}

#define LONGEST_NUMBER 400

bool text_to_double(struct text text, double *number) {
    char copy[LONGEST_NUMBER + 1], *end;
    if (text.length == 0 || text.length > LONGEST_NUMBER || memchr(text.bytes, 0, text.length))
        return false;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = 0;
    *number = strtod(copy, &end);
    return *end == 0 && end > copy;
}
