#include "tools/convert/rename.h"

#include <string.h>

/* What the star stands for; false where the name does not fit. */
static bool fits(const char *name, const char *from, const char **part, size_t *length) {
    const char *star = strchr(from, '*');
    const size_t total = strlen(name), head = star ? (size_t)(star - from) : total;
    const size_t tail = star ? strlen(star + 1) : 0;
    *part = name + head;
    *length = total - head - tail;
    if (!star)
        return strcmp(name, from) == 0;
    return total >= head + tail && memcmp(name, from, head) == 0 && memcmp(name + total - tail, star + 1, tail) == 0;
}

const char *rename_one(const char *name, const char *from, const char *to, struct pool *pool) {
    const char *part, *star = strchr(to, '*');
    size_t length;
    if (!fits(name, from, &part, &length))
        return name;
    return star ? pool_format(pool, "%.*s%.*s%s", (int)(star - to), to, (int)length, part, star + 1) : to;
}

static status apply(struct modules *modules, const struct map *map, const struct map_entry *rule, struct pool *pool,
                    struct error *err) {
    bool found = false;
    for (int i = 0; i < modules->parameter_count; i++) {
        const char **name = &modules->parameters[i].spelled, *part;
        size_t length;
        found = found || fits(*name, rule->target, &part, &length);
        *name = rename_one(*name, rule->target, rule->key, pool);
        if (!*name)
            return fail_memory(err, "the checkpoint's keys");
    }
    return found ? STATUS_OK
                 : fail(err, STATUS_INVALID_ARGUMENT, "%s, line %d: no key fits \"%.500s\"", map->path, rule->line,
                        rule->target);
}

static status check_apart(const struct modules *modules, const struct map *map, struct error *err) {
    struct names seen = {0};
    status code = STATUS_OK;
    for (int i = 0; !code && i < modules->parameter_count; i++) {
        const struct module_parameter *parameter = &modules->parameters[i];
        const int other = names_find(&seen, parameter->spelled);
        if (other != NAME_ABSENT)
            code = fail(err, STATUS_INVALID_ARGUMENT, "%s: the keys \"%.300s\" and \"%.300s\" both become \"%.300s\"",
                        map->path, modules->parameters[other].tensor->key, parameter->tensor->key, parameter->spelled);
        else if (!names_put(&seen, parameter->spelled, i))
            code = fail_memory(err, "the checkpoint's keys");
    }
    names_free(&seen);
    return code;
}

status rename_keys(struct modules *modules, const struct map *map, struct pool *pool, struct error *err) {
    bool any = false;
    for (int i = 0; map && i < map->count; i++) {
        if (map->entries[i].action != MAP_RENAME)
            continue;
        const status code = apply(modules, map, &map->entries[i], pool, err);
        if (code)
            return code;
        any = true;
    }
    return any ? check_apart(modules, map, err) : STATUS_OK;
}
