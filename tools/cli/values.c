#include "tools/cli/values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WRONG(err, ...) fail(err, STATUS_INVALID_ARGUMENT, __VA_ARGS__)

status set_flag(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool, (void)text, (void)err;
    *(bool *)field = true;
    return STATUS_OK;
}

status set_text(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool, (void)err;
    *(const char **)field = text;
    return STATUS_OK;
}

status set_file(struct pool *pool, void *field, const char *text, struct error *err) {
    if (!*text)
        return WRONG(err, "needs a file name");
    return set_text(pool, field, text, err);
}

static bool read_integer(const char *text, long long low, long long high, long long *value, const char **end) {
    if (!isdigit((unsigned char)*text))
        return false;
    char *stop;
    errno = 0;
    *value = strtoll(text, &stop, 10);
    *end = stop;
    return errno == 0 && *value >= low && *value <= high;
}

static status set_int(void *field, const char *text, int low, struct error *err) {
    long long value;
    const char *end;
    if (!read_integer(text, low, 1000000, &value, &end) || *end)
        return WRONG(err, "wants a whole number from %d to 1000000, not '%s'", low, text);
    *(int *)field = (int)value;
    return STATUS_OK;
}

status set_count(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    return set_int(field, text, 0, err);
}

status set_positive(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    return set_int(field, text, 1, err);
}

static bool read_number(const char *text, double *value, const char **end) {
    if (isspace((unsigned char)*text))
        return false;
    char *stop;
    *value = strtod(text, &stop);
    *end = stop;
    return stop != text && isfinite(*value);
}

status set_number(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    double value;
    const char *end;
    if (!read_number(text, &value, &end) || *end || value < 0)
        return WRONG(err, "wants a number that is not negative, not '%s'", text);
    *(double *)field = value;
    return STATUS_OK;
}

status set_pixels(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    static const char units[] = "kMG";
    long long value, factor = 1;
    const char *end;
    bool good = read_integer(text, 1, 1000000000000, &value, &end);
    if (good && *end && strchr(units, *end)) {
        for (const char *unit = units; unit <= strchr(units, *end); unit++)
            factor *= 1000;
        end++;
    }
    if (!good || *end || value > 1000000000000 / factor)
        return WRONG(err, "wants a number of pixels such as 50000000 or 50M, not '%s'", text);
    *(size_t *)field = (size_t)(value * factor);
    return STATUS_OK;
}

/* A copy of the list with room for one more item. */
static void *grown(struct pool *pool, const void *items, int count, size_t item_bytes) {
    char *more = pool_array(pool, (size_t)count + 1, item_bytes);
    if (more && count)
        memcpy(more, items, (size_t)count * item_bytes);
    return more;
}

status set_pairs(struct pool *pool, void *field, const char *text, struct error *err) {
    struct pair_list *list = field;
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return WRONG(err, "wants NAME=FILE, not '%s'", text);
    struct name_file *items = grown(pool, list->items, list->count, sizeof *items);
    const char *name = pool_string(pool, text, (size_t)(equals - text));
    if (!items || !name)
        return fail_memory(err, "the command line");
    for (int i = 0; i < list->count; i++)
        if (strcmp(items[i].name, name) == 0)
            return WRONG(err, "names '%s' twice", name);
    items[list->count] = (struct name_file){name, equals + 1};
    list->items = items;
    list->count++;
    return STATUS_OK;
}

status parse_shape(const char *text, struct shape *shape, struct error *err) {
    const char *p = text;
    shape->rank = 0;
    for (;;) {
        long long size;
        if (!read_integer(p, 0, INT64_MAX, &size, &p))
            return WRONG(err, "wants a shape such as 1x3x256x256, not '%s'", text);
        if (shape->rank == MAX_RANK)
            return WRONG(err, "'%s' has more than %d dimensions", text, MAX_RANK);
        shape->dims[shape->rank++] = size;
        if (!*p)
            return shape_elements(shape) < 0 ? WRONG(err, "'%s' is too large", text) : STATUS_OK;
        if (*p++ != 'x')
            return WRONG(err, "wants a shape such as 1x3x256x256, not '%s'", text);
    }
}

status set_shapes(struct pool *pool, void *field, const char *text, struct error *err) {
    struct shape_list *list = field;
    const char *equals = strrchr(text, '=');
    struct given_shape given = {NULL, {0}};
    if (equals == text)
        return WRONG(err, "wants NAME=1x3x256x256, not '%s'", text);
    const status code = parse_shape(equals ? equals + 1 : text, &given.shape, err);
    if (code)
        return code;
    struct given_shape *items = grown(pool, list->items, list->count, sizeof *items);
    given.name = equals ? pool_string(pool, text, (size_t)(equals - text)) : NULL;
    if (!items || (equals && !given.name))
        return fail_memory(err, "the command line");
    for (int i = 0; i < list->count; i++)
        if (given.name ? items[i].name && strcmp(items[i].name, given.name) == 0 : !items[i].name)
            return WRONG(err, "is given twice for %s", given.name ? given.name : "the input without a name");
    items[list->count] = given;
    list->items = items;
    list->count++;
    return STATUS_OK;
}
