/* All commands, and the program around them. */
#ifndef LIMNER_TOOLS_COMMANDS_COMMANDS_H
#define LIMNER_TOOLS_COMMANDS_COMMANDS_H

#include "tools/cli/arguments.h"

extern const struct command annotate_command;
extern const struct command bench_command, compare_command, convert_command, inpaint_command, inspect_command;
extern const struct command keys_command, ops_command, run_command, test_command;

/* The whole program but main(): returns one of EXIT_* (tools/cli/exit_status.h). */
int limner_command(int argc, char **argv);

#endif
