/* Between the tools' errors and those of limner.h, and how their text is read. */
#ifndef LIMNER_TOOLS_EMBED_EMBED_ERROR_H
#define LIMNER_TOOLS_EMBED_EMBED_ERROR_H

#include "base/status.h"
#include "runtime/limner.h"

#include <locale.h>

/* What the error says, as limner_* functions say it. LIMNER_OK when code says so, whatever stands in from. */
limner_status embed_status(status code, const struct error *from, limner_error *error);

/* In this thread numbers have a point until embed_restore, whatever the program's locale says. */
locale_t embed_plain_numbers(void);
void embed_restore(locale_t before);

#endif
