#include "ops/blocked/engine/blocked_phases.h"

#include "ops/blocked/direct.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/winograd/winograd_run.h"
#include "ops/blocked/winograd/winograd_workspace.h"

struct blocked_bytes blocked_work_bytes(const struct blocked_state *state, int threads) {
    struct blocked_bytes most = blocked_filter_bytes(state, threads);
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const size_t own = phase->algorithm == BLOCKED_FILTER   ? 0
                           : phase->algorithm == BLOCKED_NARROW ? blocked_narrow_bytes(phase)
                                                                : blocked_direct_bytes(phase);
        blocked_add_bytes(&most, (struct blocked_bytes){.own = own});
    }
    return most;
}

void blocked_run_phases(const struct blocked_run *run) {
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        if (phase->algorithm == BLOCKED_NARROW)
            blocked_narrow_run(run, phase);
    }
    blocked_filter_run(run);
    blocked_direct_run(run);
}
