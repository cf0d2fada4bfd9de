#include "ops/blocked/engine/forced_check.h"

static const char *check_filter(const struct forced_choices *forced, const struct blocked_phase *phase) {
    const struct filter_shape *shape = &phase->filters[0].shape;
    if (forced->winograd == FORCED_NO)
        return "direct sums";
    if (forced->shared && shape->shared != (forced->shared == FORCED_YES))
        return "another way to share blocks out";
    if (forced->apart == FORCED_YES && phase->filters[0].weights != FILTER_PAIRS)
        return "threads that go apart";
    return NULL;
}

/* What was demanded of a phase in vain, or NULL. */
static const char *check_phase(const struct forced_choices *forced, const struct blocked_phase *phase) {
    if (phase->lattice.points <= 0)
        return NULL;
    if (phase->filter_count > 0)
        return check_filter(forced, phase);
    if (forced->winograd == FORCED_YES && phase->lattice.taps > 1)
        return "Winograd with these kinds and weights";
    if (forced->beside && phase->beside != forced->beside)
        return "so many rows beside each other";
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
