/* Presets: what known networks expect, a file for each. */
#ifndef LIMNER_TOOLS_CONTRACT_PRESET_H
#define LIMNER_TOOLS_CONTRACT_PRESET_H

#include "tools/contract/contract.h"

#include <stdio.h>

/*
 * Reads the preset of that name, or the file, and says in `contract` what it says. Lines are a word of contracts and
 * its value; "about TEXT" says what it is; # begins a comment. Texts live in the pool. Messages name file and line.
 */
status preset_read(const char *name, const char *folder, struct pool *pool, struct contract *contract,
                   struct error *err);
/* Every preset that is found by its name, with what it is, a line each. */
status preset_list(struct pool *pool, FILE *stream, struct error *err);

#endif
