#include "ops/blocked/engine/forced_check.h"

static const char *check_winograd(const struct forced_choices *forced, const struct blocked_phase *phase) {
    const struct winograd_tiling *tiling = &phase->grids[0].tiling;
    if (forced->winograd == FORCED_NO)
        return "another algorithm than Winograd";
    if (forced->shared && tiling->shared != (forced->shared == FORCED_YES))
        return "that all threads share a wave, or that none does";
    if (forced->independent == FORCED_YES && phase->grids[0].weights != WINOGRAD_IN_KERNEL)
        return "threads that run independently";
    return NULL;
}

/* What was demanded of a phase and is not so; NULL: nothing. */
static const char *check_phase(const struct forced_choices *forced, const struct blocked_phase *phase) {
    if (phase->geometry.positions <= 0)
        return NULL;
    if (phase->grid_count > 0)
        return check_winograd(forced, phase);
    if (forced->winograd == FORCED_YES && phase->geometry.taps > 1)
        return "Winograd with these kinds and this form of weights";
    if (forced->rows_together && phase->rows_together != forced->rows_together)
        return "so many rows of the output together";
    return NULL;
}

status forced_check(const struct blocked_state *state, struct error *err) {
    for (int64_t i = 0; i < state->phase_count; i++) {
        const char *what = check_phase(state->forced, &state->phases[i]);
        if (what)
            return fail(err, STATUS_UNSUPPORTED, "phase %lld cannot have what is demanded: %s", (long long)i, what);
    }
    return STATUS_OK;
}
