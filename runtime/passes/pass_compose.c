#include "runtime/passes/pass_compose.h"

#include "ops/registry.h"
#include "runtime/passes/pass_activation.h"

#include <math.h>
#include <string.h>

#define FACTORS 3 /* of a product, at most */

/* The node that makes the value for one reader, if it is this formula of two inputs, or of one; else NULL. */
static const struct node *part_of(const struct pass_context *context, int value, enum op_formula formula) {
    const struct node *node = value == NO_VALUE ? NULL : pass_only_producer(context, value);
    const int inputs = formula == FORMULA_ERF ? 1 : 2;
    return node && pass_facts(context, node)->formula == formula && node->input_count == inputs ? node : NULL;
}

/* Input i is a constant of rank 0, about this number. */
static bool is_number(const struct pass_context *context, const struct node *node, int i, double number) {
    const struct tensor *tensor = pass_weight(context, node, i, DTYPE_FLOAT);
    float x;
    if (!tensor || tensor->shape.rank != 0)
        return false;
    memcpy(&x, tensor->data, sizeof x);
    return fabs((double)x - number) < 1e-6;
}

/* The input beside a number, of a sum or a product; NO_VALUE where there is none. */
static int beside(const struct pass_context *context, const struct node *node, double number) {
    for (int i = 0; i < 2; i++)
        if (is_number(context, node, i, number))
            return node->inputs[1 - i];
    return NO_VALUE;
}

/* x, of a value that is 1 + erf(x / sqrt 2); else NO_VALUE. */
static int inside_erf(const struct pass_context *context, int value) {
    const struct node *sum = part_of(context, value, FORMULA_SUM);
    const struct node *erf = sum ? part_of(context, beside(context, sum, 1), FORMULA_ERF) : NULL;
    if (!erf)
        return NO_VALUE;
    const struct node *quotient = part_of(context, erf->inputs[0], FORMULA_QUOTIENT);
    const struct node *product = part_of(context, erf->inputs[0], FORMULA_PRODUCT);
    if (quotient)
        return is_number(context, quotient, 1, sqrt(2.0)) ? quotient->inputs[0] : NO_VALUE;
    return product ? beside(context, product, sqrt(0.5)) : NO_VALUE;
}

/* The factors of a product, those of its factors for it alone among them. False where there are too many. */
static bool find_factors(const struct pass_context *context, const struct node *node, int factors[FACTORS],
                         int *count) {
    for (int i = 0; i < 2; i++) {
        const struct node *inner = *count < 2 ? part_of(context, node->inputs[i], FORMULA_PRODUCT) : NULL;
        const bool ok = inner ? find_factors(context, inner, factors, count) : *count < FACTORS;
        if (!ok)
            return false;
        if (!inner)
            factors[(*count)++] = node->inputs[i];
    }
    return true;
}

static bool is_half(const struct pass_context *context, int value) {
    int inputs[] = {value};
    const struct node node = {.op_type = "", .domain = "", .inputs = inputs, .input_count = 1};
    return is_number(context, &node, 0, 0.5);
}

/* x of x * 0.5 * (1 + erf(x / sqrt 2)), in any order; else NO_VALUE. */
static int gelu_of(const struct pass_context *context, const struct node *product) {
    int factors[FACTORS], count = 0;
    if (!find_factors(context, product, factors, &count) || count != FACTORS)
        return NO_VALUE;
    for (int i = 0; i < FACTORS; i++) {
        const int x = inside_erf(context, factors[i]), a = factors[(i + 1) % FACTORS], b = factors[(i + 2) % FACTORS];
        if (x != NO_VALUE && ((x == a && is_half(context, b)) || (x == b && is_half(context, a))))
            return x;
    }
    return NO_VALUE;
}

/* x of x * sigmoid(x); else NO_VALUE. */
static int swish_of(const struct pass_context *context, const struct node *product) {
    for (int i = 0; i < 2; i++) {
        const int x = product->inputs[1 - i];
        const struct node *sigmoid = pass_only_producer(context, product->inputs[i]);
        struct activation activation;
        if (sigmoid && pass_read_activation(context, sigmoid, &activation) && activation.kind == ACTIVATION_SIGMOID &&
            sigmoid->inputs[0] == x)
            return x;
    }
    return NO_VALUE;
}

static void become(struct node *node, const char *op_type, int x) {
    if (x == NO_VALUE || !op_find(INTERNAL_DOMAIN, op_type, INTERNAL_OPSET))
        return;
    node->domain = INTERNAL_DOMAIN;
    node->op_type = op_type;
    node->inputs[0] = x;
    node->input_count = 1;
}

status pass_compose(struct pass_context *context, struct error *err) {
    (void)err;
    for (int i = 0; i < context->graph->node_count; i++) {
        struct node *node = &context->graph->nodes[i];
        if (pass_facts(context, node)->formula != FORMULA_PRODUCT || node->input_count != 2 ||
            !pass_has_one_output(node))
            continue;
        const int swish = swish_of(context, node);
        if (swish != NO_VALUE)
            become(node, OP_SWISH, swish);
        else
            become(node, OP_GELU, gelu_of(context, node));
    }
    return STATUS_OK;
}
