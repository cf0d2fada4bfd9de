#include "tools/embed/embed_error.h"

#include "tools/cli/arguments.h"

#include <stdio.h>

limner_status embed_status(status code, const struct error *from, limner_error *error) {
    error->status = LIMNER_OK;
    error->message[0] = '\0';
    if (!code)
        return LIMNER_OK;
    error->status = from->code == STATUS_USAGE ? LIMNER_INVALID_ARGUMENT : (limner_status)from->code;
    snprintf(error->message, sizeof error->message, "%s", from->message);
    return error->status;
}

locale_t embed_plain_numbers(void) {
    const locale_t copy = duplocale(uselocale((locale_t)0));
    const locale_t plain = copy ? newlocale(LC_NUMERIC_MASK, "C", copy) : (locale_t)0;
    if (copy && !plain)
        freelocale(copy);
    return plain ? uselocale(plain) : (locale_t)0;
}

void embed_restore(locale_t before) {
    if (before)
        freelocale(uselocale(before));
}
