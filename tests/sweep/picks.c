/* Looks into plans: plain.c and this file alone know more than the public interface. */
#include "tests/sweep/picks.h"

#include "ops/blocked/blocked.h"
#include "ops/matmul/product.h"
#include "runtime/session/session.h"

#include <stdio.h>
#include <string.h>

typedef void note_pick(const char *pick, void *context);

static void note_phase(const struct blocked_state *state, const struct blocked_phase *phase, note_pick *note,
                       void *context) {
    static const char *const kinds[WINOGRAD_KINDS] = {"1",      "F(2,2)", "F(4,2)",          "F(8,2)",
                                                      "F(2,3)", "F(4,3)", "F(2,3) stride 2", "F(4,3) stride 2"};
    static const char *const weights[] = {
        [WINOGRAD_TRANSFORMED] = "transformed", [WINOGRAD_PER_PANEL] = "per panel", [WINOGRAD_IN_KERNEL] = "in kernel"};
    char pick[MOST_PICK];
    if (phase->grid_count > 0)
        snprintf(pick, sizeof pick, "Winograd %s by %s, weights %s%s%s", kinds[phase->grids[0].axis[0].kind],
                 kinds[phase->grids[0].axis[1].kind], weights[phase->grids[0].weights],
                 phase->grid_count > 1 ? ", grids" : "", phase->grids[0].part_count > 1 ? ", parts" : "");
    else
        snprintf(pick, sizeof pick, "%s of %s, %d rows together", phase->algorithm->name,
                 state->from_blocks ? "channel blocks" : "a plain input",
                 phase->rows_together > 1 ? (int)phase->rows_together : 1);
    note(pick, context);
}

static void note_blocked(const struct blocked_state *state, note_pick *note, void *context) {
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].geometry.positions > 0)
            note_phase(state, &state->phases[i], note, context);
    if (state->row_tiling)
        note("fused with the convolution before it", context);
}

static const char *const product_names[PRODUCT_WAYS] = {[PRODUCT_PANELS] = "product by panels",
                                                        [PRODUCT_PACKED] = "product with packed columns",
                                                        [PRODUCT_ROWS] = "product of few rows",
                                                        [PRODUCT_COLUMNS] = "product of few columns",
                                                        [PRODUCT_TILES] = "product by tiles"};

static void note_step(const struct plan_step *step, note_pick *note, void *context) {
    const char *name = step->call.op->name;
    const struct product_state *product = step->call.state;
    if (strcmp(name, "BlockedConv") == 0 || strcmp(name, "BlockedConvTranspose") == 0)
        note_blocked(step->call.state, note, context);
    else if (strcmp(name, "Conv") == 0 || strcmp(name, "ConvTranspose") == 0)
        note("plain convolution", context);
    else if (strcmp(name, "MatMul") == 0 || strcmp(name, "Gemm") == 0)
        note(product->strassen ? "Strassen" : product_names[product->way], context);
    else if (strncmp(name, "Blocked", 7) == 0)
        note(name, context);
}

void picks_of(const limner_session *session, note_pick *note, void *context) {
    for (int i = 0; i < session->current->step_count; i++)
        note_step(&session->current->steps[i], note, context);
}
