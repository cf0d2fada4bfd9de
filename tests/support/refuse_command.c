/* See refuse_command.h. */
#include "tests/support/refuse_command.h"

#include "tests/support/support.h"
#include "tools/commands/commands.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_TEXT ((size_t)64 << 10)

static char *folder;

/* ---- one call ---- */

static char *place_of(const char *word, char text[256]) {
    const char *at = strchr(word, '@');
    if (at)
        snprintf(text, 256, "%.*s%s%s", (int)(at - word), word, folder, at + 1);
    else
        snprintf(text, 256, "%s", word);
    return text;
}

/* Puts an empty file in the stream's place; returns what to put back. */
static int divert(FILE *stream, int to) {
    fflush(stream);
    const int saved = dup(fileno(stream));
    dup2(to, fileno(stream));
    return saved;
}

static void put_back(FILE *stream, int saved) {
    fflush(stream);
    clearerr(stream);
    dup2(saved, fileno(stream));
    close(saved);
}

static void read_back(int file, char *text) {
    const ssize_t got = pread(file, text, MOST_TEXT - 1, 0);
    assert_true(got >= 0);
    text[got] = 0;
    close(file);
}

/* Runs the command as main() would. */
static int call(const struct command_line *line, char *said, char *complained) {
    char words[MOST_WORDS][256], *list[MOST_WORDS + 2] = {(char[]){"limner"}};
    int count = 1;
    for (; line->words[count - 1]; count++)
        list[count] = place_of(line->words[count - 1], words[count - 1]);
    const int out = memfd_create("out", 0), err = memfd_create("err", 0);
    const int saved_out = divert(stdout, out), saved_err = divert(stderr, err);
    refuse_resume();
    const int code = limner_command(count, list);
    refuse_pause();
    put_back(stdout, saved_out);
    put_back(stderr, saved_err);
    read_back(out, said);
    read_back(err, complained);
    return code;
}

/* ---- what is left ---- */

static bool remove_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return remove(path) == 0;
}

static void remove_kept(void) {
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list));) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending && strcmp(ending, ".limner-cache") == 0)
            remove_file(entry->d_name);
    }
    closedir(list);
}

static struct byte_buffer read_output(const char *name) {
    char path[512];
    struct byte_buffer bytes;
    struct error err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, &bytes, &err))
        fail_msg("%s", err.message);
    return bytes;
}

static bool is_there(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* What is there is right. */
static void expect_outputs(const struct command_line *line) {
    for (int i = 0; i < MOST_OUTPUTS && line->outputs[i]; i++) {
        if (line->partial && !is_there(line->outputs[i]))
            continue;
        struct byte_buffer bytes = read_output(line->outputs[i]);
        assert_int_equal(bytes.size, line->written[i].size);
        assert_memory_equal(bytes.data, line->written[i].data, bytes.size);
        free(bytes.data);
    }
}

/* Removes what the command was to write, and what it may write; anything else that lies there is a fault. */
static void clear_folder(const struct command_line *line, bool outputs_wanted, const char *complained) {
    for (int i = 0; i < MOST_OUTPUTS && line->outputs[i]; i++)
        if (remove_file(line->outputs[i]) != outputs_wanted && (outputs_wanted || !line->partial))
            fail_msg("%s: %s is %s after: %s", line->name, line->outputs[i], outputs_wanted ? "missing" : "there",
                     complained);
    if (line->kept)
        remove_kept();
    if (files_in(folder))
        fail_msg("%s: files are left after: %s", line->name, complained);
}

/* Shows where the words begin to differ. */
static void expect_said(const struct command_line *line, const char *said, const char *complained) {
    size_t i = 0;
    while (said[i] && said[i] == line->said[i])
        i++;
    if (said[i] != line->said[i])
        fail_msg("%s says \"%.200s\" and \"%.200s\", expected \"%.200s\"", line->name, said + i, complained,
                 line->said + i);
}

static status try_command(void *context, struct error *err) {
    static char said[MOST_TEXT], complained[MOST_TEXT];
    const struct command_line *line = context;
    refuse_pause();
    const int code = call(line, said, complained);
    if (code == EXIT_OK && !line->timed)
        expect_said(line, said, complained);
    if (code == EXIT_OK || line->partial)
        expect_outputs(line);
    clear_folder(line, code == EXIT_OK, complained);
    if (code == EXIT_OK)
        return STATUS_OK;
    const char *where = line->reports && !complained[0] ? said : complained;
    const bool told = line->reports || strncmp(complained, "limner: ", 8) == 0;
    const status meant = line->refusal->kinds & REFUSE_MEMORY ? STATUS_NO_MEMORY : errno_status(line->refusal->number);
    const bool right = code == exit_status(meant) || (line->reports && code == EXIT_FAILED);
    return fail(err, right && told ? meant : STATUS_INVALID_ARGUMENT, "exit status %d: %s", code, where);
}

void refuse_command(const struct refusal *refusal, struct command_line line) {
    static char said[MOST_TEXT], complained[MOST_TEXT];
    if (call(&line, said, complained) != EXIT_OK)
        fail_msg("%s: %s", line.name, complained);
    line.said = said;
    for (int i = 0; i < MOST_OUTPUTS && line.outputs[i]; i++)
        line.written[i] = read_output(line.outputs[i]);
    clear_folder(&line, true, complained);
    char *kept = strdup(said);
    line.said = kept;
    line.refusal = refusal;
    refuse_each(line.name, refusal, try_command, &line);
    free(kept);
    for (int i = 0; i < MOST_OUTPUTS && line.outputs[i]; i++)
        free(line.written[i].data);
}

/* ---- the folder ---- */

int refuse_make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

int refuse_remove_folder(void **state) {
    (void)state;
    refuse_stop();
    test_folder_remove(folder);
    return 0;
}

void refuse_copy(const char *from, const char *to) {
    struct byte_buffer bytes;
    struct error err;
    if (file_read(from, &bytes, &err))
        fail_msg("%s", err.message);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
    free(bytes.data);
}
