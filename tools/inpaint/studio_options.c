#include "tools/inpaint/studio_options.h"

#include <string.h>

status set_mask_white(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    const bool known = strcmp(text, "known") == 0;
    if (!known && strcmp(text, "hole") != 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "wants hole or known, not '%s'", text);
    *(bool *)field = known;
    return STATUS_OK;
}

status set_tile(struct pool *pool, void *field, const char *text, struct error *err) {
    if (strcmp(text, "auto") != 0)
        return set_positive(pool, field, text, err);
    *(int *)field = TILE_AUTO;
    return STATUS_OK;
}

status set_blend(struct pool *pool, void *field, const char *text, struct error *err) {
    (void)pool;
    const bool laplace = strcmp(text, "laplace") == 0;
    if (!laplace && strcmp(text, "none") != 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "wants none or laplace, not '%s'", text);
    *(int *)field = laplace ? BLEND_LAPLACE : BLEND_NONE;
    return STATUS_OK;
}

status studio_options_check(const struct studio_settings *studio, struct error *err) {
    if (studio->canny.low > studio->canny.high)
        return fail(err, STATUS_USAGE, "--canny-high %g is below --canny-low %g", studio->canny.high,
                    studio->canny.low);
    if (studio->canny.sigma > CANNY_MOST_SIGMA)
        return fail(err, STATUS_USAGE, "--sigma %g is above %g", studio->canny.sigma, CANNY_MOST_SIGMA);
    if (studio->mask.threshold > 254)
        return fail(err, STATUS_USAGE, "--mask-threshold wants 0 to 254, not %d", studio->mask.threshold);
    if (studio->overlap != NOT_GIVEN && studio->tile == TILE_NONE)
        return fail(err, STATUS_USAGE, "--overlap goes with --tile");
    return STATUS_OK;
}
