/* Map files of conversions: whatever is read, written as plainly as can be, says the same. */
#include "tools/convert/map.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* A name in quotes, unless it holds one itself. */
static void write_name(FILE *file, const char *name, const char *behind) {
    const char *quote = strchr(name, '"') ? "" : "\"";
    fprintf(file, " %s%s%s%s", quote, name, behind, quote);
}

static void write_entry(FILE *file, const struct map_entry *entry) {
    if (entry->action == MAP_RENAME) {
        write_name(file, entry->target, "");
        fprintf(file, " ->");
        write_name(file, entry->key, "");
        fputc('\n', file);
        return;
    }
    write_name(file, entry->action == MAP_IGNORE ? "-" : entry->target, "");
    fprintf(file, " <-");
    write_name(file, entry->key, entry->all ? "*" : "");
    if (entry->transposed)
        fprintf(file, " transposed");
    if (entry->plain)
        fprintf(file, " plain");
    if (entry->norm) {
        fprintf(file, " folded");
        write_name(file, entry->norm, "");
    }
    fputc('\n', file);
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_entry(const struct map *map, const struct map_entry *a, const struct map_entry *b) {
    require(a->action == b->action && a->all == b->all && a->transposed == b->transposed && a->plain == b->plain);
    require(same_text(a->target, b->target) && same_text(a->key, b->key) && same_text(a->norm, b->norm));
    require(!a->target || a->action == MAP_RENAME || map_find(map, a->target) == a);
}

static void write_and_read(const struct map *map, struct pool *pool) {
    char *text = NULL;
    size_t size = 0;
    struct map again;
    struct error err;
    FILE *file = open_memstream(&text, &size);
    require(file != NULL);
    for (int i = 0; i < map->count; i++)
        write_entry(file, &map->entries[i]);
    require(fclose(file) == 0);
    require(map_parse(text, size, "again", pool, &again, &err) == STATUS_OK && again.count == map->count);
    for (int i = 0; i < map->count; i++)
        check_entry(map, &map->entries[i], &again.entries[i]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pool *pool = pool_create();
    struct map map;
    struct error err = {STATUS_OK, ""};
    require(pool != NULL);
    if (map_parse((const char *)data, size, "map", pool, &map, &err) == STATUS_OK)
        write_and_read(&map, pool);
    else
        require(err.message[0]);
    pool_destroy(pool);
    return 0;
}
