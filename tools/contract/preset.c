#include "tools/contract/preset.h"

#include "tools/files/file.h"
#include "tools/files/resource.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES 65536
#define NAME_WIDTH 20

const struct resource_kind resource_preset = {"preset", "presets", ".preset", "LIMNER_PRESETS"};

/* One file being read. */
struct preset_reader {
    const char *path;
    int line;
    struct pool *pool;
    struct contract *contract;
    const char *about;
};

/* A line in its pool's copy: cut at the comment and at spaces round it. */
static char *trimmed(char *line) {
    char *comment = strchr(line, '#');
    if (comment)
        *comment = 0;
    while (isspace((unsigned char)*line))
        line++;
    size_t length = strlen(line);
    while (length && isspace((unsigned char)line[length - 1]))
        line[--length] = 0;
    return line;
}

static status read_line(struct preset_reader *reader, char *line, struct error *err) {
    char *word = trimmed(line), *value = word;
    if (!*word)
        return STATUS_OK;
    while (*value && !isspace((unsigned char)*value))
        value++;
    if (!*value)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s:%d: '%.80s' has no value", reader->path, reader->line, word);
    *value++ = 0;
    while (isspace((unsigned char)*value))
        value++;
    if (strcmp(word, "about") == 0) {
        reader->about = value;
        return STATUS_OK;
    }
    const status code = contract_say(reader->contract, word, value, SAID_PRESET, reader->pool, err);
    return code ? fail_prefix(err, "%s:%d", reader->path, reader->line) : STATUS_OK;
}

static status read_text(struct preset_reader *reader, char *text, struct error *err) {
    status code = STATUS_OK;
    while (!code && text) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = 0;
        reader->line++;
        code = read_line(reader, text, err);
        text = next;
    }
    return code;
}

static status read_file(struct preset_reader *reader, struct error *err) {
    struct byte_buffer bytes;
    status code = file_read(reader->path, &bytes, err);
    if (code)
        return code;
    char *text = pool_alloc(reader->pool, bytes.size + 1);
    if (bytes.size > MOST_BYTES || memchr(bytes.data, 0, bytes.size))
        code = fail(err, STATUS_INVALID_ARGUMENT, "%s is no preset: that is a short text", reader->path);
    else if (!text)
        code = fail_memory(err, "a preset");
    if (!code) {
        memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = 0;
        code = read_text(reader, text, err);
    }
    free(bytes.data);
    return code;
}

status preset_read(const char *name, const char *folder, struct pool *pool, struct contract *contract,
                   struct error *err) {
    struct preset_reader reader = {.pool = pool, .contract = contract};
    const status code = resource_find(&resource_preset, name, folder, pool, &reader.path, err);
    return code ? code : read_file(&reader, err);
}

/* ---- the list ---- */

static void print_preset(const struct resource_file *file, struct pool *pool, FILE *stream) {
    struct contract contract = {.range.said.by = SAID_NOT};
    struct preset_reader reader = {.path = file->path, .pool = pool, .contract = &contract};
    struct error err;
    if (read_file(&reader, &err))
        fprintf(stream, "  %-*s(cannot be used: %s)\n", NAME_WIDTH, file->name, err.message);
    else
        fprintf(stream, "  %-*s%s\n", NAME_WIDTH, file->name, reader.about ? reader.about : "");
}

status preset_list(struct pool *pool, FILE *stream, struct error *err) {
    struct resource_file *files;
    size_t count;
    const status code = resource_list(&resource_preset, pool, &files, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        print_preset(&files[i], pool, stream);
    if (!code && !count)
        fprintf(stream, "  (none are found; LIMNER_PRESETS can name a folder)\n");
    return code;
}
