/* What lies in a folder of pictures and is no picture that is read. */
#ifndef LIMNER_TOOLS_INPAINT_PASSED_H
#define LIMNER_TOOLS_INPAINT_PASSED_H

#include <stddef.h>

/* Prints how many there are with their names, then those of a known kind kind by kind, by what they begin with. Nothing
 * for none. */
void passed_say(const char *folder, const char *const *names, size_t count);

#endif
