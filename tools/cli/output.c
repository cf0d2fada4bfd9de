#include "tools/cli/output.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool progress_shown;

static bool is_control(unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

void make_printable(char *text) {
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (is_control(*p))
            *p = '?';
        else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) /* U+0080..U+009F: terminals obey these too */
            p[0] = p[1] = '?';
    }
}

#define TEXT_BYTES (2 * ERROR_MESSAGE_BYTES)

/* Only what is longer than any message needs memory; without it, the text ends in "...". */
static void say_list(FILE *stream, const char *format, va_list list) {
    char buffer[TEXT_BYTES], *text = buffer;
    va_list again;
    va_copy(again, list);
    const int length = vsnprintf(buffer, sizeof buffer, format, list);
    if (length >= TEXT_BYTES && vasprintf(&text, format, again) < 0) {
        text = buffer;
        memcpy(buffer + TEXT_BYTES - 4, "...", 4);
    }
    va_end(again);
    if (length < 0)
        return;
    make_printable(text);
    fputs(text, stream);
    if (text != buffer)
        free(text);
}

void say(FILE *stream, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(stream, format, list);
    va_end(list);
}

void complain_list(const char *format, va_list list) {
    progress_clear();
    fflush(stdout);
    fputs("limner: ", stderr);
    say_list(stderr, format, list);
    fputc('\n', stderr);
}

void complain(const char *format, ...) {
    va_list list;
    va_start(list, format);
    complain_list(format, list);
    va_end(list);
}

void complain_error(const struct error *err) {
    complain("%s", err->message);
}

void progress(const char *format, ...) {
    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    va_list list;
    va_start(list, format);
    say_list(stderr, format, list);
    va_end(list);
    fflush(stderr);
    progress_shown = true;
}

void progress_clear(void) {
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES]) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 999.5 && unit < 6; unit++)
        value /= 1000;
    if (unit)
        snprintf(text, SIZE_TEXT_BYTES, "%.3g %s (%llu bytes)", value, units[unit], (unsigned long long)bytes);
    else
        snprintf(text, SIZE_TEXT_BYTES, "%llu bytes", (unsigned long long)bytes);
    return text;
}

static bool shell_plain(const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,=:+@%";
    return *word && word[strspn(word, plain)] == '\0';
}

static void append(char *buffer, size_t capacity, const char *text, size_t length) {
    const size_t used = strlen(buffer);
    const size_t left = capacity - used - 1;
    const size_t take = length < left ? length : left;
    memcpy(buffer + used, text, take);
    buffer[used + take] = '\0';
}

void append_shell_word(char *buffer, size_t capacity, const char *word) {
    if (buffer[0])
        append(buffer, capacity, " ", 1);
    if (shell_plain(word)) {
        append(buffer, capacity, word, strlen(word));
        return;
    }
    append(buffer, capacity, "'", 1);
    for (; *word; word++)
        append(buffer, capacity, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
    append(buffer, capacity, "'", 1);
}
