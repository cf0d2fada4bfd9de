#include "ops/blocked/engine/blocked_phases.h"

#include "ops/blocked/engine/algorithms.h"

struct blocked_bytes blocked_work_bytes(const struct blocked_state *state, int threads) {
    struct blocked_bytes most = {0};
    for (int i = 0; conv_algorithms[i]; i++)
        blocked_add_bytes(&most, conv_algorithms[i]->bytes(state, threads));
    return most;
}

void blocked_run_phases(const struct blocked_run *run) {
    for (int i = 0; conv_algorithms[i]; i++)
        conv_algorithms[i]->run(run);
}
