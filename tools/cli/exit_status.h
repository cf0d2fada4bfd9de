/* What the command's exit tells those who started it. */
#ifndef LIMNER_TOOLS_CLI_EXIT_STATUS_H
#define LIMNER_TOOLS_CLI_EXIT_STATUS_H

#include "base/status.h"

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* the same files and options will fail again */
    EXIT_USAGE = 2,
    EXIT_AGAIN = 75 /* the same command may succeed later, or on another machine: EX_TEMPFAIL of sysexits.h */
};

/* For a command that ended so. */
int exit_status(status code);

#endif
