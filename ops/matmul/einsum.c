/* Einsum (ONNX 12, 28): operands are contracted one after the other. */
#include "base/checked.h"
#include "base/sizes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/matmul/contraction.h"
#include "ops/matmul/einsum_equation.h"

#include <stdio.h>
#include <string.h>

struct einsum_params {
    const char *equation;
};

/* Labelled dimensions of an operand or of something on the way, with a stride for each label it has. */
struct einsum_array {
    uint64_t labels; /* bit i: it has label i */
    int64_t strides[EINSUM_LABELS];

    int step; /* that makes it; -1: an operand */
};

/* One contraction. Its arrays' data are set when it runs. */
struct einsum_step {
    struct contraction contraction;
    int left, right; /* operands, or EINSUM_OPERANDS + a step; right -1: the number 1 */
    size_t place;    /* of its result in the workspace; the last one's is the output */
};

#define EINSUM_STEPS (2 * EINSUM_OPERANDS)

struct einsum_plan {
    int steps;
    size_t results; /* bytes of the workspace for results; what contractions need lies behind */
    struct einsum_step step[EINSUM_STEPS];
};

static status einsum_parse_node(const struct op_call *call, struct attributes *attributes, void *result,
                                struct error *err) {
    struct einsum_params *params = result;
    params->equation = attribute_text(attributes, "equation", NULL);
    if (!params->equation)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" is missing");
    if (call->input_count > EINSUM_OPERANDS)
        return fail(err, STATUS_LIMIT, "there are %d inputs, %d are the most", call->input_count, EINSUM_OPERANDS);
    return STATUS_OK;
}

static status equation_of(const struct op_call *call, struct einsum_equation *equation, struct error *err) {
    int ranks[EINSUM_OPERANDS];
    for (int i = 0; i < call->input_count; i++)
        ranks[i] = call->inputs[i]->shape.rank;
    return einsum_parse(((const struct einsum_params *)call->params)->equation, ranks, call->input_count, equation,
                        err);
}

/* The size of every label: a size of 1 repeats. */
static status sizes_of(const struct op_call *call, const struct einsum_equation *equation, int64_t sizes[EINSUM_LABELS],
                       struct error *err) {
    for (int l = 0; l < EINSUM_LABELS; l++)
        sizes[l] = 1;
    for (int i = 0; i < equation->operands; i++)
        for (int d = 0; d < equation->terms[i].rank; d++) {
            const int64_t size = call->inputs[i]->shape.dims[d];
            int64_t *known = &sizes[equation->terms[i].labels[d]];
            char text[SHAPE_TEXT_BYTES];
            if (size != *known && size != 1 && *known != 1)
                return fail(err, STATUS_SHAPE, "input %d is %s, expected %lld in dimension %d as elsewhere", i,
                            shape_text(&call->inputs[i]->shape, text), (long long)*known, d);
            *known = *known == 1 ? size : *known;
        }
    return STATUS_OK;
}

static status einsum_infer(struct op_call *call, struct error *err) {
    struct einsum_equation equation;
    int64_t sizes[EINSUM_LABELS];
    status code = equation_of(call, &equation, err);
    if (code == STATUS_OK)
        code = sizes_of(call, &equation, sizes, err);
    struct shape shape = {.rank = equation.output.rank};
    for (int d = 0; d < shape.rank && code == STATUS_OK; d++)
        shape.dims[d] = sizes[equation.output.labels[d]];
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

/* ---- the plan ---- */

/* A label that stands twice walks the diagonal. */
static struct einsum_array operand_array(const struct op_call *call, const struct einsum_equation *equation, int i) {
    const struct einsum_term *term = &equation->terms[i];
    struct einsum_array array = {.step = -1};
    int64_t stride = 1;
    for (int d = term->rank - 1; d >= 0; d--) {
        array.labels |= (uint64_t)1 << term->labels[d];
        if (call->inputs[i]->shape.dims[d] != 1)
            array.strides[term->labels[d]] += stride;
        stride *= call->inputs[i]->shape.dims[d];
    }
    return array;
}

static uint64_t labels_of(const struct einsum_term *term) {
    uint64_t labels = 0;
    for (int d = 0; d < term->rank; d++)
        labels |= (uint64_t)1 << term->labels[d];
    return labels;
}

struct einsum_planner {
    const struct op_call *call;
    const struct einsum_equation *equation;
    int64_t sizes[EINSUM_LABELS];
    struct einsum_plan *plan;
    struct error *err;
};

/* The dense result: the output's own order for the last step, else the labels in order. */
static status result_array(const struct einsum_planner *planner, uint64_t labels, bool last, struct einsum_array *out,
                           int64_t *elements) {
    const struct einsum_term *term = &planner->equation->output;
    *out = (struct einsum_array){.labels = labels};
    *elements = 1;
    for (int n = (last ? term->rank : EINSUM_LABELS) - 1; n >= 0; n--) {
        /* cppcheck-suppress arrayIndexOutOfBounds ; n is below the rank where the labels are read */
        const int label = last ? term->labels[n] : n;
        if (!(labels >> label & 1))
            continue;
        out->strides[label] = *elements;
        if (!int64_mul(*elements, planner->sizes[label], elements))
            return fail(planner->err, STATUS_LIMIT, "a result on the way is too large");
    }
    return STATUS_OK;
}

/* The dimensions of both, those of the result first, in its order. */
static status fill_dims(const struct einsum_planner *planner, const struct einsum_array *a,
                        const struct einsum_array *b, const struct einsum_array *c, struct contraction *contraction) {
    for (int pass = 0; pass < 2; pass++)
        for (int label = 0; label < EINSUM_LABELS; label++) {
            const bool kept = c->labels >> label & 1;
            if (!((a->labels | b->labels) >> label & 1) || kept != (pass == 0))
                continue;
            if (contraction->rank == CONTRACTION_DIMS)
                return fail(planner->err, STATUS_LIMIT, "there are more than %d labels at a time", CONTRACTION_DIMS);
            contraction->dims[contraction->rank++] = (struct contraction_dim){
                planner->sizes[label], a->strides[label], b->strides[label], c->strides[label], !kept, 0};
        }
    return STATUS_OK;
}

static int name_of(const struct einsum_array *array, int operand) {
    return array->step < 0 ? operand : EINSUM_OPERANDS + array->step;
}

/* *a becomes the contraction of both, with these labels left. b NULL: of itself. */
static status add_step(struct einsum_planner *planner, struct einsum_array *a, int a_operand,
                       const struct einsum_array *b, int b_operand, uint64_t labels, bool last) {
    static const struct einsum_array one = {.step = -1};
    struct einsum_plan *plan = planner->plan;
    struct einsum_step *step = &plan->step[plan->steps];
    const struct einsum_array *right = b ? b : &one;
    struct einsum_array result;
    int64_t elements;
    status code = result_array(planner, labels, last, &result, &elements);
    *step = (struct einsum_step){.contraction = {.dtype = planner->call->inputs[0]->dtype},
                                 .left = name_of(a, a_operand),
                                 .right = b ? name_of(b, b_operand) : -1,
                                 .place = plan->results};
    if (code == STATUS_OK)
        code = fill_dims(planner, a, right, &result, &step->contraction);
    size_t bytes;
    if (code == STATUS_OK &&
        (!size_mul((size_t)elements, dtype_size(planner->call->inputs[0]->dtype), &bytes) || bytes > SIZE_MAX / 64 ||
         !size_add(plan->results, last ? 0 : whole_line_bytes(bytes), &plan->results)))
        code = fail(planner->err, STATUS_LIMIT, "a result on the way is too large");
    result.step = plan->steps++;
    *a = result;
    return code;
}

/* Labels that the output, or operands from `first` on, ask for. */
static uint64_t needed_from(const struct einsum_planner *planner, int first) {
    uint64_t labels = labels_of(&planner->equation->output);
    for (int i = first; i < planner->equation->operands; i++)
        labels |= labels_of(&planner->equation->terms[i]);
    return labels;
}

/* Labels that no other operand and not the output has are added up first. */
static status reduce_operand(struct einsum_planner *planner, struct einsum_array *array, int operand) {
    uint64_t needed = labels_of(&planner->equation->output);
    for (int i = 0; i < planner->equation->operands; i++)
        needed |= i == operand ? 0 : labels_of(&planner->equation->terms[i]);
    if ((array->labels & ~needed) == 0 || planner->equation->operands == 1)
        return STATUS_OK;
    return add_step(planner, array, operand, NULL, -1, array->labels & needed, false);
}

static status make_plan(struct einsum_planner *planner) {
    const int operands = planner->equation->operands;
    struct einsum_array all = operand_array(planner->call, planner->equation, 0);
    status code = reduce_operand(planner, &all, 0);
    for (int i = 1; i < operands && code == STATUS_OK; i++) {
        struct einsum_array next = operand_array(planner->call, planner->equation, i);
        code = reduce_operand(planner, &next, i);
        if (code == STATUS_OK)
            code = add_step(planner, &all, 0, &next, i, (all.labels | next.labels) & needed_from(planner, i + 1),
                            i + 1 == operands);
    }
    if (code == STATUS_OK && operands == 1)
        code = add_step(planner, &all, 0, NULL, -1, labels_of(&planner->equation->output), true);
    return code;
}

static status einsum_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct einsum_equation equation;
    struct einsum_planner planner = {.call = call, .equation = &equation, .plan = call->state, .err = err};
    status code = equation_of(call, &equation, err);
    size_t most = 0;
    if (code == STATUS_OK)
        code = sizes_of(call, &equation, planner.sizes, err);
    if (code == STATUS_OK)
        code = make_plan(&planner);
    for (int s = 0; s < planner.plan->steps && code == STATUS_OK; s++) {
        size_t bytes = 0;
        code = contraction_prepare(call, &planner.plan->step[s].contraction, &bytes, err);
        most = bytes > most ? bytes : most;
    }
    if (code == STATUS_OK && !size_add(most, planner.plan->results, workspace_bytes))
        code = fail(err, STATUS_LIMIT, "the workspace is too large");
    return code;
}

/* ---- running ---- */

static const void *data_of(const struct op_call *call, int name) {
    static const float one_float = 1;
    static const double one_double = 1;
    static const uint64_t one_integer = 1; /* little-endian: of any size */
    const struct einsum_plan *plan = call->state;
    if (name >= EINSUM_OPERANDS)
        return (const char *)call->workspace + plan->step[name - EINSUM_OPERANDS].place;
    if (name >= 0)
        return call->inputs[name]->data;
    return call->inputs[0]->dtype == DTYPE_FLOAT    ? (const void *)&one_float
           : call->inputs[0]->dtype == DTYPE_DOUBLE ? (const void *)&one_double
                                                    : (const void *)&one_integer;
}

static status einsum_run(struct op_call *call, struct error *err) {
    const struct einsum_plan *plan = call->state;
    (void)err;
    for (int s = 0; s < plan->steps; s++) {
        const struct einsum_step *step = &plan->step[s];
        struct contraction contraction = step->contraction;
        contraction.a = data_of(call, step->left);
        contraction.b = data_of(call, step->right);
        contraction.c = s + 1 == plan->steps ? call->outputs[0]->data : (char *)call->workspace + step->place;
        contraction_run(call, &contraction, (char *)call->workspace + plan->results);
    }
    return STATUS_OK;
}

/* Where nothing is added up, an operand alone is transposed. */
static status einsum_expand(struct op_writer *w, struct error *err) {
    const char *text = ((const struct einsum_params *)w->call->params)->equation;
    struct einsum_equation equation;
    struct error unused;
    char perm[MAX_RANK * 3 + 1] = "";
    int rank = 0;
    for (const char *at = text; w->call->input_count == 1 && *at && *at != '-'; at++)
        rank += *at != ' ';
    if (rank == 0 || rank > MAX_RANK || strchr(text, '.') ||
        einsum_parse(text, &rank, 1, &equation, &unused) != STATUS_OK || equation.output.rank != rank)
        return STATUS_OK;
    for (int d = 0; d < rank; d++)
        for (int from = 0; from < rank; from++)
            if (equation.terms[0].labels[from] == equation.output.labels[d])
                snprintf(perm + strlen(perm), sizeof perm - strlen(perm), "%d,", from);
    return op_write(w, err, ">0 = Transpose{perm=[%s]}(#0)", perm);
}

static const struct op_facts facts = {.reach = op_reach_whole, .expand = einsum_expand, .expands_to = "Transpose"};

const struct op ops_einsum[] = {
    {.name = "Einsum",
     .domain = "",
     .since = 12,
     .inputs = (const struct op_arg[]){{"Inputs", TYPES_NUMBER, ARG_T | ARG_VARIADIC}, {0}},
     .outputs = (const struct op_arg[]){{"Output", TYPES_NUMBER, ARG_T}, {0}},
     .params_size = sizeof(struct einsum_params),
     .state_size = sizeof(struct einsum_plan),
     .parse = einsum_parse_node,
     .infer = einsum_infer,
     .prepare = einsum_prepare,
     .run = einsum_run,
     .facts = &facts},
    {0},
};
