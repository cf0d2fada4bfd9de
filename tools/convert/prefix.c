#include "tools/convert/prefix.h"

#include "base/pool.h"

#include <string.h>

/* A way to make names fit, and how many fit then. */
struct prefix_way {
    const char *prefix;
    bool put; /* before the keys, rather than taken from them */
    int fits;
};

struct ways {
    struct pool *pool;
    struct prefix_way *items;
    int count, capacity;
    struct names taken, put; /* prefix -> index */
    struct names keys, wanted;
};

/* Different ways that are looked at; a file with more of them has no common prefix. */
#define MOST_WAYS 4096
/* Parts of a name, beginning with its first, that a prefix may have. */
#define MOST_PARTS 32

static bool count_way(struct ways *ways, const char *text, size_t length, bool put) {
    const char *prefix = pool_string(ways->pool, text, length);
    struct names *names = put ? &ways->put : &ways->taken;
    if (!prefix)
        return false;
    const int known = names_find(names, prefix);
    if (known != NAME_ABSENT) {
        ways->items[known].fits++;
        return true;
    }
    if (ways->count == MOST_WAYS)
        return true;
    ways->items[ways->count] = (struct prefix_way){prefix, put, 1};
    return names_put(names, prefix, ways->count++);
}

/* Every ending of `name` that begins after a dot, or is all of it, and is in `others`. */
static bool count_endings(struct ways *ways, const char *name, const struct names *others, bool put) {
    int parts = 0;
    for (const char *end = name; end && parts < MOST_PARTS; end = strchr(end, '.'), end = end ? end + 1 : NULL, parts++)
        if (*end && !(put && end == name) && names_find(others, end) != NAME_ABSENT &&
            !count_way(ways, name, (size_t)(end - name), put))
            return false;
    return true;
}

/* The key as a template calls it whose weights are plain: "a.weight" for "a.weight_orig". */
static const char *plain_name(struct pool *pool, const char *key) {
    size_t length;
    const enum leaf leaf = leaf_of(key, &length);
    if (leaf != LEAF_ORIGINAL && leaf != LEAF_DIRECTION)
        return key;
    return length ? pool_format(pool, "%.*s.weight", (int)length, key) : "weight";
}

static bool collect_names(struct ways *ways, const struct modules *modules, const char *const *wanted,
                          size_t wanted_count) {
    for (size_t i = 0; i < wanted_count; i++)
        if (!names_put(&ways->wanted, wanted[i], (int)i))
            return false;
    for (int i = 0; i < modules->parameter_count; i++) {
        const char *key = modules->parameters[i].spelled, *plain = plain_name(ways->pool, key);
        if (!plain || !names_put(&ways->keys, key, i) || !names_put(&ways->keys, plain, i))
            return false;
    }
    return true;
}

static bool count_ways(struct ways *ways, const struct modules *modules, const char *const *wanted,
                       size_t wanted_count) {
    for (int i = 0; i < modules->parameter_count; i++) {
        const char *key = modules->parameters[i].spelled, *plain = plain_name(ways->pool, key);
        if (!plain || !count_endings(ways, key, &ways->wanted, false))
            return false;
        if (plain != key && !count_endings(ways, plain, &ways->wanted, false))
            return false;
    }
    for (size_t i = 0; i < wanted_count; i++)
        if (names_find(&ways->wanted, wanted[i]) == (int)i && !count_endings(ways, wanted[i], &ways->keys, true))
            return false;
    return true;
}

static status list_ways(const struct ways *ways, int fits, struct error *err) {
    fail(err, STATUS_INVALID_ARGUMENT,
         "the checkpoint's keys fit the template's names equally well after each of these "
         "is taken away; choose one with --prefix:");
    for (int i = 0; i < ways->count; i++)
        if (ways->items[i].fits == fits)
            error_append(err, "\n  %.200s%s", ways->items[i].prefix,
                         ways->items[i].put ? " (put before the keys instead)" : "");
    return err->code;
}

static status best_way(struct modules *modules, const struct ways *ways, struct error *err) {
    const struct prefix_way *best = NULL;
    bool tied = false;
    for (int i = 0; i < ways->count; i++) {
        const struct prefix_way *way = &ways->items[i];
        if (!best || way->fits > best->fits || (way->fits == best->fits && !*way->prefix)) {
            tied = false;
            best = way;
        } else if (way->fits == best->fits && *best->prefix) {
            tied = true;
        }
    }
    if (!best || !*best->prefix)
        return STATUS_OK;
    if (tied)
        return list_ways(ways, best->fits, err);
    *(best->put ? &modules->put : &modules->taken) = best->prefix;
    return STATUS_OK;
}

static void free_ways(struct ways *ways) {
    names_free(&ways->taken);
    names_free(&ways->put);
    names_free(&ways->keys);
    names_free(&ways->wanted);
}

static status find_ways(struct ways *ways, const struct modules *modules, const char *const *wanted,
                        size_t wanted_count, struct error *err) {
    ways->items = pool_array(ways->pool, MOST_WAYS, sizeof *ways->items);
    return ways->items && collect_names(ways, modules, wanted, wanted_count) &&
                   count_ways(ways, modules, wanted, wanted_count)
               ? STATUS_OK
               : fail_memory(err, "the checkpoint's keys");
}

status prefix_fits(const struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                   int *fits, struct error *err) {
    struct ways ways = {.pool = pool};
    const status code = find_ways(&ways, modules, wanted, wanted_count, err);
    *fits = 0;
    for (int i = 0; !code && i < ways.count; i++)
        *fits = ways.items[i].fits > *fits ? ways.items[i].fits : *fits;
    free_ways(&ways);
    return code;
}

status prefix_choose(struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                     struct error *err) {
    struct ways ways = {.pool = pool};
    status code = find_ways(&ways, modules, wanted, wanted_count, err);
    if (!code)
        code = best_way(modules, &ways, err);
    free_ways(&ways);
    return code;
}
