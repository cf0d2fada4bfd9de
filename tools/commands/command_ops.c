/* limner ops: what this build can run. */
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

static void print_table(const limner_operator *ops, size_t count) {
    printf("%-28s %-12s %s\n", "operator", "domain", "opsets");
    for (size_t i = 0; i < count; i++)
        printf("%-28s %-12s %d-%d\n", ops[i].name, ops[i].domain[0] ? ops[i].domain : "ai.onnx", ops[i].since,
               ops[i].until);
}

static void print_json(const limner_operator *ops, size_t count) {
    struct json json = {stdout, false};
    json_array(&json, NULL);
    for (size_t i = 0; i < count; i++) {
        json_object(&json, NULL);
        json_text(&json, "operator", ops[i].name);
        json_text(&json, "domain", ops[i].domain);
        json_integer(&json, "since", ops[i].since);
        json_integer(&json, "until", ops[i].until);
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
        "that uses anything else is refused when it is loaded; limner inspect says what it uses.",
    .examples = "  limner ops\n"
                "  limner ops --json\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
