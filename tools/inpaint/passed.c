#include "tools/inpaint/passed.h"

#include "base/recognise.h"
#include "tools/cli/output.h"
#include "tools/files/picture_kinds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_NAMES 20
#define HEAD_BYTES 4096

/* What a regular file's first bytes are like, or NULL. */
static const char *kind_of_bytes(int file) {
    unsigned char head[HEAD_BYTES];
    const ssize_t count = read(file, head, sizeof head);
    const struct file_kind *kind = count > 0 ? file_recognise(head, (size_t)count) : NULL;
    return count == 0 ? "an empty file" : kind && !kind->text ? kind->what : NULL;
}

/* NULL: nothing is known. */
static const char *kind_of(int folder, const char *name) {
    const int file = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    const char *kind = NULL;
    struct stat what;
    if (file < 0)
        return "a file that cannot be read";
    if (fstat(file, &what) == 0)
        kind = S_ISDIR(what.st_mode)   ? "a folder (its pictures are not looked for)"
               : S_ISREG(what.st_mode) ? kind_of_bytes(file)
                                       : "a pipe or device";
    close(file);
    if (!kind && picture_type_of_name(name) == PICTURE_FOREIGN)
        kind = "by its name a picture of a kind that is not read";
    return kind;
}

/* The names whose entry in kinds is kinds[first], which are forgotten then. */
static void say_kind(const char *const *names, size_t total, const char **kinds, size_t first) {
    const char *kind = kinds[first];
    size_t count = 0;
    for (size_t i = first; i < total; i++)
        count += kinds[i] && strcmp(kinds[i], kind) == 0;
    say(stdout, "  %zu %s %s:", count, count == 1 ? "is" : "are each", kind);
    size_t said = 0;
    for (size_t i = first; i < total; i++) {
        if (!kinds[i] || (i > first && strcmp(kinds[i], kind) != 0))
            continue;
        if (said < MOST_NAMES)
            say(stdout, "%s %s", said ? "," : "", names[i]);
        said++;
        kinds[i] = i == first ? kind : NULL;
    }
    say(stdout, said > MOST_NAMES ? " and more\n" : "\n");
}

static void say_kinds(const char *folder, const char *const *names, size_t total) {
    const int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char **kinds = calloc(total, sizeof *kinds);
    for (size_t i = 0; at >= 0 && kinds && i < total; i++)
        kinds[i] = kind_of(at, names[i]);
    for (size_t i = 0; kinds && i < total; i++)
        if (kinds[i])
            say_kind(names, total, kinds, i);
    free(kinds);
    if (at >= 0)
        close(at);
}

void passed_say(const char *folder, const char *const *names, size_t total) {
    if (!total)
        return;
    say(stdout, "%zu passed over (no picture of a kind that is read):", total);
    for (size_t i = 0; i < total && i < MOST_NAMES; i++)
        say(stdout, "%s %s", i ? "," : "", names[i]);
    say(stdout, total > MOST_NAMES ? " and more\n" : "\n");
    say_kinds(folder, names, total);
}
