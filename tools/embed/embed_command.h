/* The limner command within another program, such as Python's `python -m limner`. */
#ifndef LIMNER_TOOLS_EMBED_EMBED_COMMAND_H
#define LIMNER_TOOLS_EMBED_EMBED_COMMAND_H

#include "runtime/limner.h"

/* main() of the command: words[0] is its name. Reads and writes the process's standard streams; returns the exit
 * status. */
LIMNER_API int embed_command(int count, char **words);

#endif
