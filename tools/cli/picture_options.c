#include "tools/cli/picture_options.h"

#include "tools/cli/values.h"
#include "tools/files/colour.h"

#include <string.h>

static status set_choice(void *field, const char *text, const char *no, const char *yes, struct error *err) {
    const bool is_yes = strcmp(text, yes) == 0;
    if (!is_yes && strcmp(text, no) != 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "wants %s or %s, not '%s'", no, yes, text);
    *(bool *)field = is_yes;
    return STATUS_OK;
}

status set_keep_orientation(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    return set_choice(field, text, "upright", "keep", err);
}

status set_through_srgb(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    const status code = set_choice(field, text, "keep", "srgb", err);
    if (!code && *(bool *)field && !colour_is_known())
        return fail(err, STATUS_UNSUPPORTED, "this limner was built without Little CMS, which srgb needs");
    return code;
}

status set_quality(struct pool *pool, void *field, const char *text, struct error *err) {
    const status code = set_positive(pool, field, text, err);
    return !code && *(int *)field > 100 ? fail(err, STATUS_INVALID_ARGUMENT, "wants 1 to 100, not %s", text) : code;
}

status set_format(struct pool *pool, void *field, const char *text, struct error *err) {
    const char *ending = *text == '.' ? text + 1 : text;
    const char *name = pool_format(pool, "x.%s", ending);
    if (!name)
        return fail_memory(err, "an option");
    if (strcmp(text, "same") != 0 && picture_written_of_name(name) == PICTURE_NONE)
        return fail(err, STATUS_INVALID_ARGUMENT, "wants same or one of %s, not '%s'", picture_endings_written(), text);
    *(const char **)field = strcmp(text, "same") == 0 ? NULL : ending;
    return STATUS_OK;
}
