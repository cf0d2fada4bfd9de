/* What the command says to people. Names in models come from strangers: control characters never reach the terminal. */
#ifndef LIMNER_TOOLS_CLI_OUTPUT_H
#define LIMNER_TOOLS_CLI_OUTPUT_H

#include "base/status.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* fprintf whose text has its control characters (but newline and tab) replaced by '?'. */
void say(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same text in place, without allocating. */
void make_printable(char *text);

/* "limner: MESSAGE" on stderr, a progress line cleared first. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_list(const char *format, va_list list) __attribute__((format(printf, 1, 0)));
void complain_error(const struct error *err);

/* One line on stderr that the next one replaces; nothing when stderr is not a terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* "1.5 MB (1500000 bytes)" */
#define SIZE_TEXT_BYTES 64
const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES]);

/* The words as a shell would have to be given them, appended to a buffer of `capacity` bytes; cut when it is full. */
void append_shell_word(char *buffer, size_t capacity, const char *word);

#endif
