/*
 * Command lines. One table per command says what it takes; parsing and help both come from it. Options may stand
 * before, between and after the other arguments; "--" ends them.
 */
#ifndef LIMNER_TOOLS_CLI_ARGUMENTS_H
#define LIMNER_TOOLS_CLI_ARGUMENTS_H

#include "base/pool.h"
#include "base/status.h"
#include "tools/cli/exit_status.h"

#include <stdbool.h>
#include <stdio.h>

/* In tools/ only: the command line is wrong. Leads to EXIT_USAGE and a hint at --help. */
#define STATUS_USAGE ((status)101)

/* Reads an option's text into its field of the settings; text is NULL for a flag. The message names neither. */
typedef status option_set(struct pool *pool, void *field, const char *text, struct error *err);

struct command_option {
    const char *name;  /* without the dashes; NULL for an option that has a letter only */
    char letter;       /* 0 for none */
    const char *value; /* what stands for its value in the help; NULL for a flag */
    const char *help;
    option_set *set;
    size_t field; /* offset in the command's settings */
};
#define OPTIONS_END \
    { NULL, 0, NULL, NULL, NULL, 0 }

struct command_call {
    const struct command *command;
    struct pool *pool; /* lives until the command ends */
    const void *settings;
    const char *const *arguments; /* what is not an option */
    int argument_count;
};

/*
 * An error goes back in err, for the caller to print. *good is true at first; false makes the exit EXIT_FAILED without
 * a message, when the command has said itself what failed.
 */
typedef status command_run(const struct command_call *call, bool *good, struct error *err);

struct command {
    const char *name, *summary;
    const char *const *arguments; /* "MODEL", "[PICTURE]", "DIR..."; ends with NULL */
    const char *about;            /* paragraphs for the help */
    const char *examples;
    const struct command_option *options;
    const void *defaults; /* the settings before any option */
    size_t settings_size;
    command_run *run;
};

/*
 * Fills call from argv[0..count-1], the words after the command's name. *help is 1 when they ask for help, and then
 * nothing else is checked. Errors are the user's: one line.
 */
status arguments_parse(const struct command *command, int count, char **words, struct pool *pool,
                       struct command_call *call, int *help, struct error *err);

/* The same for programs: options alone, none of them asks for help. Errors name the options as command lines have them.
 */
status arguments_parse_options(const struct command *command, int count, const char *const *words, struct pool *pool,
                               struct command_call *call, struct error *err);

void arguments_help(const struct command *command, FILE *stream);

/* text in lines of at most 80 columns, the first one `used` columns wide already, all others indented. */
void print_wrapped(FILE *stream, const char *text, int used, int indent);

#endif
