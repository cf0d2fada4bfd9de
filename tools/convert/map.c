#include "tools/convert/map.h"

#include <string.h>

#define MOST_WORDS 8
#define MOST_LINES 50000

struct map_reader {
    struct pool *pool;
    const char *at, *end;
    int line;
    const char *path;
    struct error *err;
};

#define WRONG(reader, ...) (fail((reader)->err, STATUS_INVALID_ARGUMENT, __VA_ARGS__), wrong_line(reader))

static status wrong_line(const struct map_reader *reader) {
    return fail_prefix(reader->err, "%s, line %d", reader->path, reader->line);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line into *word, NULL at the line's end. */
static status read_word(struct map_reader *reader, const char **word) {
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
    *word = NULL;
    if (reader->at == reader->end || *reader->at == '\n' || *reader->at == '#')
        return STATUS_OK;
    const bool quoted = *reader->at == '"';
    const char *start = reader->at + quoted, *end = start;
    while (end < reader->end && *end != '\n' && (quoted ? *end != '"' : !is_blank(*end) && *end != '#'))
        end++;
    if (quoted && (end == reader->end || *end != '"'))
        return WRONG(reader, "a name begins with \" but has no closing one");
    if (memchr(start, 0, (size_t)(end - start)))
        return WRONG(reader, "a name holds a zero byte");
    reader->at = end + quoted;
    *word = pool_string(reader->pool, start, (size_t)(end - start));
    return *word ? STATUS_OK : fail_memory(reader->err, "the map");
}

static status read_line(struct map_reader *reader, const char *words[MOST_WORDS], int *count) {
    *count = 0;
    for (;;) {
        const char *word;
        if (read_word(reader, &word))
            return reader->err->code;
        if (!word)
            break;
        if (*count == MOST_WORDS)
            return WRONG(reader, "too many words");
        words[(*count)++] = word;
    }
    while (reader->at < reader->end && *reader->at++ != '\n')
        ;
    return STATUS_OK;
}

static enum map_action action_of(const char *word) {
    return strcmp(word, "keep") == 0    ? MAP_KEEP
           : strcmp(word, "zeros") == 0 ? MAP_ZEROS
           : strcmp(word, "ones") == 0  ? MAP_ONES
                                        : MAP_KEY;
}

static status read_details(struct map_reader *reader, const char *const *words, int count, struct map_entry *entry) {
    for (int i = 3; i < count; i++) {
        if (strcmp(words[i], "transposed") == 0)
            entry->transposed = true;
        else if (strcmp(words[i], "plain") == 0)
            entry->plain = true;
        else if (strcmp(words[i], "folded") == 0 && i + 1 < count)
            entry->norm = words[++i];
        else
            return WRONG(reader, "'%.200s' is not understood here: transposed, plain or folded MODULE may follow a key",
                         words[i]);
    }
    if (entry->transposed && entry->plain)
        return WRONG(reader, "transposed and plain exclude each other");
    const bool takes = entry->action == MAP_KEY || (entry->action == MAP_ZEROS && entry->norm);
    if (count > 3 && !takes)
        return WRONG(reader,
                     "nothing may follow keep, ones or a key that is left out, only folded MODULE may follow zeros");
    return STATUS_OK;
}

static status read_ignored(struct map_reader *reader, struct map_entry *entry, const char *key) {
    const size_t length = strlen(key);
    entry->action = MAP_IGNORE;
    entry->all = length && key[length - 1] == '*';
    entry->key = pool_string(reader->pool, key, length - entry->all);
    return entry->key ? STATUS_OK : fail_memory(reader->err, "the map");
}

static int stars_in(const char *text) {
    int count = 0;
    for (; *text; text++)
        count += *text == '*';
    return count;
}

/* PATTERN -> NAME, with one star in both or in neither. */
static status read_rename(struct map_reader *reader, const char *const *words, int count, struct map_entry *entry) {
    entry->action = MAP_RENAME;
    entry->target = words[0];
    entry->key = words[2];
    if (count > 3)
        return WRONG(reader, "nothing may follow a rule that renames keys");
    if (stars_in(words[0]) > 1 || stars_in(words[0]) != stars_in(words[2]))
        return WRONG(reader, "a rule that renames keys has one * on both sides, or none");
    return *words[2] ? STATUS_OK : WRONG(reader, "a key cannot be renamed to nothing");
}

static status read_entry(struct map_reader *reader, const char *const *words, int count, struct map *map) {
    struct map_entry *entry = &map->entries[map->count];
    *entry = (struct map_entry){.line = reader->line};
    if (count >= 3 && strcmp(words[1], "->") == 0) {
        const status code = read_rename(reader, words, count, entry);
        map->count += code == STATUS_OK;
        return code;
    }
    if (count < 3 || strcmp(words[1], "<-") != 0)
        return WRONG(reader, "expected INITIALIZER <- KEY, or PATTERN -> NAME");
    if (strcmp(words[0], "-") == 0) {
        if (read_ignored(reader, entry, words[2]))
            return reader->err->code;
    } else {
        entry->action = action_of(words[2]);
        entry->target = words[0];
        entry->key = words[2];
        const struct map_entry *before = map_find(map, entry->target);
        if (before)
            return WRONG(reader, "\"%.500s\" is already in line %d", entry->target, before->line);
    }
    if (read_details(reader, words, count, entry))
        return reader->err->code;
    map->count++;
    return STATUS_OK;
}

status map_parse(const char *text, size_t length, const char *path, struct pool *pool, struct map *map,
                 struct error *err) {
    struct map_reader reader = {.pool = pool, .at = text, .end = text + length, .path = path, .err = err};
    size_t lines = 1;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    *map = (struct map){.path = path};
    if (lines > MOST_LINES)
        return fail(err, STATUS_LIMIT, "%s has more than %d lines", path, MOST_LINES);
    map->entries = pool_array(pool, lines, sizeof *map->entries);
    if (!map->entries)
        return fail_memory(err, "the map");
    while (reader.at < reader.end) {
        const char *words[MOST_WORDS];
        int count;
        reader.line++;
        if (read_line(&reader, words, &count) || (count && read_entry(&reader, words, count, map)))
            return err->code;
    }
    return STATUS_OK;
}

const struct map_entry *map_find(const struct map *map, const char *target) {
    for (int i = 0; map && i < map->count; i++)
        if (map->entries[i].action != MAP_RENAME && map->entries[i].target &&
            strcmp(map->entries[i].target, target) == 0)
            return &map->entries[i];
    return NULL;
}
