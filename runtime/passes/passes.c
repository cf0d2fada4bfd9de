#include "runtime/passes/passes.h"

#include "base/fpu.h"
#include "base/processors.h"
#include "ops/kernels/cpu.h"
#include "runtime/passes/pass_activation.h"
#include "runtime/passes/pass_batchnorm.h"
#include "runtime/passes/pass_compose.h"
#include "runtime/passes/pass_expand.h"
#include "runtime/passes/pass_fold.h"
#include "runtime/passes/pass_inline.h"
#include "runtime/passes/pass_layout.h"
#include "runtime/passes/pass_noop.h"
#include "runtime/passes/pass_pad.h"
#include "runtime/passes/pass_widen.h"
#include "runtime/program/prune.h"

#include <stdlib.h>
#include <string.h>

static const struct pass table[] = {
    {"expand operators", 0, pass_expand},
    {"widen types", 0, pass_widen},
    {"fold constants", PASS_FOLD, pass_fold},
    {"inline chosen subgraphs", PASS_INLINE, pass_inline},
    {"drop no-ops", PASS_NOOP, pass_noop},
    {"compose functions", PASS_COMPOSE, pass_compose},
    {"fold BatchNormalization", PASS_BATCHNORM, pass_batchnorm},
    {"merge Pad into Conv", PASS_PAD, pass_pad},
    {"fuse activations", PASS_ACTIVATION, pass_activation},
    {"lay out in channel blocks", PASS_LAYOUT, pass_layout},
};
#define PASS_COUNT (sizeof table / sizeof table[0])

const struct pass *pass_at(size_t i) {
    return i < PASS_COUNT ? &table[i] : NULL;
}

/* Constants that nobody reads any more: what passes made is freed, mapped pages are let go. */
static void drop_constants(struct program *program, const int *readers) {
    for (int i = 0; i < program->graph->value_count; i++)
        if (readers[i] == 0 && program->graph->values[i].initializer)
            program_drop_constant(program, i);
}

/* Drops dead nodes and constants. */
static status clean(struct program *program, struct error *err) {
    int *readers = calloc((size_t)program->graph->value_count + 1, sizeof *readers);
    const bool ok = readers && prune_graph(program->graph, readers);
    if (ok)
        drop_constants(program, readers);
    free(readers);
    return ok ? STATUS_OK : fail_memory(err, "a pass");
}

static status run_pass(const struct pass *pass, struct pass_context *context, struct error *err) {
    context->value_count = context->graph->value_count;
    context->scratch = pool_create();
    context->types = NULL;
    context->readers = calloc((size_t)context->value_count + 1, sizeof *context->readers);
    status code = STATUS_OK;
    context->starved = context->scratch ? pool_alloc(context->scratch, sizeof *context->starved) : NULL;
    if (!context->starved || !context->readers || !prune_graph(context->graph, context->readers))
        code = fail_memory(err, "a pass");
    if (code == STATUS_OK)
        code = pass->run(context, err);
    if (code == STATUS_OK && *context->starved)
        code = fail_memory(err, "a pass");
    pool_destroy(context->scratch);
    free(context->readers);
    return code == STATUS_OK ? clean(context->program, err) : code;
}

/* Waking a team costs more than folding what a small file holds. */
static int team_for(const struct onnx_model *source) {
    return source->file_bytes > ((size_t)8 << 20) ? processors_available() : 1;
}

status passes_run(struct program *program, const struct program_options *options, struct error *err) {
    struct pass_context context = {.program = program,
                                   .graph = program->graph,
                                   .tensor_bytes = options->tensor_bytes ? options->tensor_bytes : SIZE_MAX,
                                   .kernels = kernels_exact(cpu_best()),
                                   .threads = team_for(program->source)};
    const unsigned mode = fpu_enter();
    status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < PASS_COUNT; i = context.again ? 0 : i + 1) {
        context.again = false;
        if (!(options->passes_off & table[i].bit))
            code = run_pass(&table[i], &context, err);
    }
    fpu_leave(mode);
    return code;
}
