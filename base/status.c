#include "base/status.h"

/* What the analyzer is told elsewhere stands here. */
#undef fail
#undef fail_memory
#undef fail_path
#undef fail_prefix

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

static void close_overlong(char *message, size_t used) {
    if (used >= ERROR_MESSAGE_BYTES)
        memcpy(message + ERROR_MESSAGE_BYTES - sizeof ellipsis, ellipsis, sizeof ellipsis);
}

/* Names from files may carry terminal escapes, and lines that look like messages of limner; messages must not. */
static void mask_controls(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

status fail(struct error *err, status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    close_overlong(err->message, length < 0 ? 0 : (size_t)length);
    mask_controls(err->message);
    err->code = code;
    return code;
}

/* Reasons that pass, be it by waiting, by making room, or on another machine. */
static const int passing[] = {ENOSPC,    EDQUOT,       EIO,      EMFILE,       ENFILE,     EAGAIN,      EINTR,
                              EBUSY,     ENOLCK,       ESTALE,   EREMOTEIO,    ETIMEDOUT,  ENETDOWN,    ENETUNREACH,
                              EHOSTDOWN, EHOSTUNREACH, ENOTCONN, ECONNREFUSED, ECONNRESET, ECONNABORTED};

status errno_status(int number) {
    if (number == ENOMEM)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (number == passing[i])
            return STATUS_TRY_AGAIN;
    return STATUS_IO;
}

status fail_memory(struct error *err, const char *what) {
    return fail(err, STATUS_NO_MEMORY, "out of memory for %s", what);
}

#define PREFIX_BYTES 512

status fail_prefix(struct error *err, const char *format, ...) {
    char prefix[PREFIX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    mask_controls(prefix);

    const size_t prefix_length = strlen(prefix), length = strlen(err->message);
    const size_t most = sizeof err->message - 1 - prefix_length - 2;
    const size_t kept = length < most ? length : most;
    memmove(err->message + prefix_length + 2, err->message, kept);
    err->message[prefix_length + 2 + kept] = 0;
    memcpy(err->message, prefix, prefix_length);
    memcpy(err->message + prefix_length, ": ", 2);
    if (kept < length)
        close_overlong(err->message, sizeof err->message);
    return err->code;
}

/* Whether the text begins with the path as a prefix shows it. */
static bool begins_with_path(const char *text, const char *path) {
    char shown[PREFIX_BYTES];
    snprintf(shown, sizeof shown, "%s", path);
    mask_controls(shown);
    const size_t length = strlen(shown);
    return strncmp(text, shown, length) == 0 &&
           (text[length] == ':' || text[length] == ' ' || length == sizeof shown - 1);
}

status fail_path(struct error *err, const char *path) {
    static const char *const before[] = {"", "cannot read ", "cannot write "};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (strncmp(err->message, before[i], strlen(before[i])) == 0 &&
            begins_with_path(err->message + strlen(before[i]), path))
            return err->code;
    return fail_prefix(err, "%s", path);
}

void error_append(struct error *err, const char *format, ...) {
    const size_t used = strlen(err->message);
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(err->message + used, sizeof err->message - used, format, arguments);
    va_end(arguments);
    close_overlong(err->message, used + (length < 0 ? 0 : (size_t)length));
    mask_controls(err->message + used + (err->message[used] && format[0] == '\n'));
}
