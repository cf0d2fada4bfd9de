/* limner ops: what this build can run. */
#include "ops/core/op_types.h"
#include "ops/registry.h"
#include "runtime/limner.h"
#include "tools/cli/json.h"
#include "tools/cli/values.h"
#include "tools/commands/commands.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct ops_settings {
    bool json;
};
static const struct ops_settings defaults;

static int by_name(const void *left, const void *right) {
    const limner_operator *a = left, *b = right;
    const int domains = strcmp(a->domain, b->domain), names = strcmp(a->name, b->name);
    return domains ? domains : names ? names : (a->since > b->since) - (a->since < b->since);
}

static size_t count_records(void) {
    limner_operator op;
    size_t count = 0;
    while (limner_operator_at(count, &op) == LIMNER_OK)
        count++;
    return count;
}

/* Merges entries of one operator whose opset ranges touch; returns how many are left. */
static size_t merge(limner_operator *ops, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        limner_operator *last = kept ? &ops[kept - 1] : NULL;
        if (last && strcmp(last->name, ops[i].name) == 0 && strcmp(last->domain, ops[i].domain) == 0 &&
            ops[i].since <= last->until + 1)
            last->until = ops[i].until > last->until ? ops[i].until : last->until;
        else
            ops[kept++] = ops[i];
    }
    return kept;
}

/* ---- element types: of the first input of the newest version that gives output 0 its type, or else of the first one;
   of the output of what has no input ---- */

static const struct op_arg *shown_argument(const limner_operator *shown) {
    const struct op *op = op_find(shown->domain, shown->name, shown->until);
    const unsigned variable = op ? op->outputs->flags / ARG_T : 0;
    for (const struct op_arg *input = op ? op->inputs : NULL; variable && input && input->name; input++)
        if (input->flags / ARG_T == variable)
            return input;
    return op && op->inputs && op->inputs[0].name ? op->inputs : op ? op->outputs : NULL;
}

/* As it is, or by a type that serves it. */
static bool takes(const struct op_arg *argument, enum dtype dtype) {
    return argument && (argument->types >> dtype & 1 || op_types_widen(argument, dtype) != DTYPE_UNDEFINED);
}

/* Types that are said with one word where all of them are there. */
static const struct {
    const char *word;
    uint32_t types;
} words[] = {
    {"float", TYPES_FLOAT},
    {"double", TYPE(DTYPE_DOUBLE)},
    {"half", TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16)},
    {"float8", TYPES_FLOAT8},
    {"float8e8m0", TYPE(DTYPE_FLOAT8E8M0)},
    {"float4", TYPE(DTYPE_FLOAT4E2M1)},
    {"integer", TYPES_INTEGER},
    {"packed", TYPES_PACKED & ~TYPE(DTYPE_FLOAT4E2M1)},
    {"bool", TYPES_BOOL},
    {"string", TYPE(DTYPE_STRING)},
    {"complex", TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128)},
    {"sequence", TYPE(DTYPE_SEQUENCE)},
    {"optional", TYPE(DTYPE_OPTIONAL)},
    {"map", TYPE(DTYPE_MAP)},
};

static void print_types(const struct op_arg *argument) {
    uint32_t left = argument ? argument->types & TYPES_BOXED : 0;
    const char *space = "";
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++)
        left |= takes(argument, (enum dtype)dtype) ? TYPE(dtype) : 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((left & words[i].types) == words[i].types) {
            printf("%s%s", space, words[i].word);
            left &= ~words[i].types;
            space = " ";
        }
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++)
        if (left >> dtype & 1) {
            printf("%s%s", space, dtype_name((enum dtype)dtype));
            space = " ";
        }
    putchar('\n');
}

/* ---- what is printed ---- */

static void print_table(const limner_operator *ops, size_t count) {
    printf("%-32s %-24s %-8s %s\n", "operator", "domain", "opsets", "types");
    for (size_t i = 0; i < count; i++) {
        const char *domain = ops[i].domain[0] ? ops[i].domain : "ai.onnx";
        char opsets[32];
        snprintf(opsets, sizeof opsets, "%d-%d", ops[i].since, ops[i].until);
        printf("%-32s %-24s %-8s ", ops[i].name, domain, opsets);
        print_types(shown_argument(&ops[i]));
    }
}

static void print_json(const limner_operator *ops, size_t count) {
    struct json json = {stdout, false};
    json_array(&json, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct op_arg *argument = shown_argument(&ops[i]);
        json_object(&json, NULL);
        json_text(&json, "operator", ops[i].name);
        json_text(&json, "domain", ops[i].domain);
        json_integer(&json, "since", ops[i].since);
        json_integer(&json, "until", ops[i].until);
        json_array(&json, "types");
        for (int dtype = 1; dtype < DTYPE_COUNT; dtype++)
            if (takes(argument, (enum dtype)dtype))
                json_text(&json, NULL, dtype_name((enum dtype)dtype));
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    putchar('\n');
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    (void)good;
    const struct ops_settings *settings = call->settings;
    size_t count = count_records();
    limner_operator *ops = pool_array(call->pool, count + 1, sizeof *ops);
    if (!ops)
        return fail_memory(err, "the operators");
    for (size_t i = 0; i < count; i++)
        limner_operator_at(i, &ops[i]);
    qsort(ops, count, sizeof *ops, by_name);
    count = merge(ops, count);
    if (settings->json)
        print_json(ops, count);
    else
        print_table(ops, count);
    return STATUS_OK;
}

static const char *const arguments[] = {NULL};
static const struct command_option options[] = {
    {"json", 0, NULL, "print a JSON array on one line", set_flag, offsetof(struct ops_settings, json)}, OPTIONS_END};

const struct command ops_command = {
    .name = "ops",
    .summary = "list the operators that limner runs",
    .arguments = arguments,
    .about =
        "Lists every operator that this build runs, with the versions (opsets) of its domain that it knows. A model "
        "that uses anything else is refused when it is loaded; limner inspect says what it uses. Types are those of "
        "the "
        "input that the result has its type from, or of the first one: half is float16 and bfloat16, integer all of 8 "
        "to "
        "64 bits, packed those of 4 and 2 bits, float8 all but e8m0.",
    .examples = "  limner ops\n"
                "  limner ops --json\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
