/* What this process may use of the machine. */
#ifndef LIMNER_TOOLS_ENGINE_MACHINE_H
#define LIMNER_TOOLS_ENGINE_MACHINE_H

#include <stdbool.h>

/* On standard output, for people or as one JSON object. */
void print_machine(bool as_json);

#endif
