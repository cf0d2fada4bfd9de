/* What operator definitions say of themselves: type variables, and the facts that passes ask for. */
#include "tests/support/support.h"

#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "ops/core/op_types.h"
#include "ops/registry.h"

#include <stdio.h>
#include <string.h>

/* All arguments of one variable list the same types. */
static void check_variables(const struct op *op) {
    uint32_t types[OP_VARIABLES + 1] = {0};
    const struct op_arg *lists[] = {op->inputs, op->outputs};
    for (int side = 0; side < 2; side++)
        for (const struct op_arg *argument = lists[side]; argument && argument->name; argument++) {
            const unsigned variable = argument->flags / ARG_T;
            assert_true(variable <= OP_VARIABLES);
            if (variable && types[variable] && types[variable] != argument->types)
                fail_msg("%s %d: %s has other types than its variable", op->name, op->since, argument->name);
            types[variable] = argument->types;
        }
}

static bool bound_by_input(const struct op *op, unsigned variable) {
    for (const struct op_arg *input = op->inputs; input && input->name; input++)
        if (input->flags / ARG_T == variable)
            return true;
    return false;
}

/* What an output has may lie in a sequence, an optional or a map, whose items a run alone knows. */
static bool unpacks(const struct op *op) {
    for (const struct op_arg *input = op->inputs; input && input->name; input++)
        if (input->types & TYPES_BOXED)
            return true;
    return false;
}

/* The type of every output can be told without shapes: from an input, from attributes, because there is one, or from a
   subgraph. */
static void check_outputs(const struct op *op) {
    for (const struct op_arg *output = op->outputs; output && output->name; output++) {
        const unsigned variable = output->flags / ARG_T;
        const bool single = (output->types & (output->types - 1)) == 0;
        if (!single && !(variable && bound_by_input(op, variable)) && !op->output_type && !op_facts(op)->control &&
            !unpacks(op))
            fail_msg("%s %d: nothing gives the type of output %s", op->name, op->since, output->name);
    }
}

static void definitions_are_whole(void **state) {
    (void)state;
    const struct op *op;
    for (size_t i = 0; (op = op_at(i)) != NULL; i++) {
        check_variables(op);
        check_outputs(op);
    }
}

/* Every operator of "Add com.microsoft:BiasGelu" is there. */
static void check_list(const struct op *op, const char *list) {
    char word[64], domain[64];
    assert_non_null(list);
    for (int length; sscanf(list, " %63[^ ]%n", word, &length) == 1; list += length) {
        const char *colon = strrchr(word, ':');
        assert_int_equal(sscanf(word, "%63[^:]", domain), 1);
        if (!op_find_any(colon ? domain : "", colon ? colon + 1 : word))
            fail_msg("%s stands for %s, which there is not", op->name, word);
    }
}

/* What a pass puts in an operator's place is there. */
static void counterparts_exist(void **state) {
    (void)state;
    const struct op *op;
    for (size_t i = 0; (op = op_at(i)) != NULL; i++) {
        const struct op_facts *facts = op_facts(op);
        if (facts->fused)
            assert_non_null(op_find(INTERNAL_DOMAIN, facts->fused, INTERNAL_OPSET));
        if (facts->fuses)
            assert_string_equal(op->domain, INTERNAL_DOMAIN);
        if (facts->shown)
            assert_non_null(op_find_any("", facts->shown));
        if (facts->expand)
            check_list(op, facts->expands_to);
    }
}

/* ---- type variables ---- */

struct typing {
    const char *name;
    int opset, inputs;
    enum dtype types[4];
    const char *problem; /* NULL: none */
    enum dtype output;
};

static void check_typing(const struct typing *t) {
    const struct op *op = op_find("", t->name, t->opset);
    const struct op_call call = {.op = op};
    struct op_types types = {0};
    struct error err = {.code = STATUS_OK};
    for (int i = 0; err.code == STATUS_OK && i < t->inputs; i++)
        if (t->types[i] != DTYPE_UNDEFINED)
            op_types_add(&types, op, i, t->types[i], &err);
    if ((t->problem == NULL) != (err.code == STATUS_OK) || (t->problem && strcmp(err.message, t->problem) != 0))
        fail_msg("%s: \"%s\"", t->name, err.code ? err.message : "no problem");
    assert_int_equal(op_types_output(&types, &call, 0), t->output);
}

static void types_follow_their_variables(void **state) {
    (void)state;
    static const struct typing cases[] = {
        {"Where", 16, 3, {DTYPE_BOOL, DTYPE_INT8, DTYPE_INT8}, NULL, DTYPE_INT8},
        {"Where", 16, 3, {DTYPE_BOOL, DTYPE_UNDEFINED, DTYPE_INT8}, NULL, DTYPE_INT8},
        {"Where",
         16,
         3,
         {DTYPE_BOOL, DTYPE_INT8, DTYPE_FLOAT},
         "input 2 (Y) has element type float, expected int8 as input 1",
         DTYPE_INT8},
        {"Pow",
         7,
         2,
         {DTYPE_FLOAT, DTYPE_DOUBLE},
         "input 1 (Y) has element type double, expected float as input 0",
         DTYPE_FLOAT},
        {"Pow", 15, 2, {DTYPE_FLOAT, DTYPE_INT64}, NULL, DTYPE_FLOAT},
        {"Less", 13, 2, {DTYPE_FLOAT, DTYPE_FLOAT}, NULL, DTYPE_BOOL},
        {"Concat",
         13,
         3,
         {DTYPE_UINT8, DTYPE_UINT8, DTYPE_INT8},
         "input 2 (inputs) has element type int8, expected uint8 as input 0",
         DTYPE_UINT8},
        {"CastLike", 15, 2, {DTYPE_FLOAT, DTYPE_INT64}, NULL, DTYPE_INT64},
        {"Cast", 13, 1, {DTYPE_FLOAT}, NULL, DTYPE_UNDEFINED}, /* its attribute is not at hand */
        {"Gather", 13, 2, {DTYPE_STRING, DTYPE_INT32}, NULL, DTYPE_STRING},
        {"Slice",
         13,
         3,
         {DTYPE_FLOAT, DTYPE_INT32, DTYPE_INT64},
         "input 2 (ends) has element type int64, expected int32 as input 1",
         DTYPE_FLOAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_typing(&cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(definitions_are_whole), cmocka_unit_test(counterparts_exist),
                                       cmocka_unit_test(types_follow_their_variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
