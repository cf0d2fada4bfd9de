/* limner's commands in a system that refuses: what they say, what they write, and what they must not leave behind. */
#ifndef LIMNER_TESTS_SUPPORT_REFUSE_COMMAND_H
#define LIMNER_TESTS_SUPPORT_REFUSE_COMMAND_H

#include "tests/support/refuse.h"
#include "tools/files/file.h"

#define MOST_WORDS 24
#define MOST_OUTPUTS 4

/* A command line. "@" in a word stands for the test's folder. */
struct command_line {
    const char *name;
    const char *words[MOST_WORDS];
    const char *outputs[MOST_OUTPUTS]; /* files in the folder */
    bool kept;                         /* a file of packed weights may stay there */
    bool timed;                        /* says how long it took */
    bool partial;                      /* pictures are done or not, each for itself */
    bool reports;                      /* failures are what it reports on stdout */

    const struct refusal *refusal; /* of the present tries */
    char *said;                    /* without a refusal */
    struct byte_buffer written[MOST_OUTPUTS];
};

/*
 * refuse_each over the whole command, after one run without refusals. Each try ends with exit status 1, a message that
 * says what was refused, and nothing written; or, where that was not needed, with the same words and files as ever.
 */
void refuse_command(const struct refusal *refusal, struct command_line line);

/* A setup and a teardown: a new folder, empty, for the results of one test. */
int refuse_make_folder(void **state);
int refuse_remove_folder(void **state);

void refuse_copy(const char *from, const char *to);

#endif
