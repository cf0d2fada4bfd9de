/* Which layer a batch norm of a checkpoint belongs to, by their names and their order. */
#ifndef LIMNER_TOOLS_CONVERT_NEIGHBOURS_H
#define LIMNER_TOOLS_CONVERT_NEIGHBOURS_H

#include "tools/convert/modules.h"

/* With room for the closing -1. */
#define MOST_NEIGHBOURS 4

/*
 * The modules with weights that the batch norm may follow, at most three, ended by -1: the one before it in
 * a numbered list, the one before it in the file, and the one called alike ("conv1" and "bn1"). */
void neighbours_before(const struct modules *modules, int norm, int found[MOST_NEIGHBOURS]);

#endif
