#include "tools/convert/recipe.h"

#include "base/checked.h"

#include <string.h>

const struct recipe recipe_none = {.kind = RECIPE_NONE, .parameter = -1, .module = -1, .groups = 1, .norm = -1};

/* ---- questions ---- */

/* The same numbers: of one parameter, or of two that are one storage. */
static bool same_parameter(const struct modules *modules, int a, int b) {
    if (a == b || a < 0 || b < 0)
        return a == b;
    const struct checkpoint_tensor *x = modules->parameters[a].tensor, *y = modules->parameters[b].tensor;
    return x->storage == y->storage && x->dtype == y->dtype && shape_equal(&x->shape, &y->shape) &&
           memcmp(x->strides, y->strides, (size_t)x->shape.rank * sizeof *x->strides) == 0;
}

bool recipe_equal(const struct modules *modules, const struct recipe *a, const struct recipe *b) {
    if (a->kind != b->kind)
        return false;
    if (a->kind == RECIPE_FILL)
        return a->fill == b->fill;
    if (a->kind != RECIPE_TAKE)
        return true;
    return same_parameter(modules, a->parameter, b->parameter) && a->form == b->form &&
           (a->form == FORM_PLAIN || a->module == b->module) && a->norm == b->norm && a->transposed == b->transposed &&
           a->matrix == b->matrix && a->is_bias == b->is_bias;
}

static bool is_vector(const struct checkpoint_tensor *tensor, int64_t length) {
    return tensor && tensor->shape.rank == 1 && tensor->shape.dims[0] == length;
}

/* Output channels that the weight has; -1 when it has too few dimensions. */
static int64_t channels_of(const struct recipe *recipe, const struct shape *weight) {
    if (weight->rank <= recipe->axis)
        return -1;
    int64_t channels;
    return int64_mul(weight->dims[recipe->axis], recipe->axis ? recipe->groups : 1, &channels) ? channels : -1;
}

static status check_norm(const struct modules *modules, const struct recipe *recipe, int64_t channels,
                         struct error *err) {
    static const enum leaf leaves[] = {LEAF_MEAN, LEAF_VARIANCE, LEAF_WEIGHT, LEAF_BIAS};
    for (int i = 0; i < 4; i++) {
        const struct checkpoint_tensor *tensor = module_tensor(modules, recipe->norm, leaves[i]);
        if (!tensor && i >= 2)
            continue; /* without learned scale and shift */
        char text[SHAPE_TEXT_BYTES];
        if (!is_vector(tensor, channels))
            return fail(err, STATUS_SHAPE, "the batch norm %s has a %s of %s for %lld channels",
                        modules->items[recipe->norm].path, leaf_name(leaves[i]),
                        tensor ? shape_text(&tensor->shape, text) : "no shape", (long long)channels);
    }
    return STATUS_OK;
}

status recipe_spectral_axis(const struct modules *modules, const struct recipe *recipe, const struct shape *weight,
                            int *axis, struct error *err) {
    const struct checkpoint_tensor *u = module_tensor(modules, recipe->module, LEAF_U);
    const struct checkpoint_tensor *v = module_tensor(modules, recipe->module, LEAF_V);
    const int64_t elements = shape_elements(weight);
    *axis = recipe->axis;
    if (weight->rank > 1 && u && (weight->rank <= *axis || !is_vector(u, weight->dims[*axis])) && *axis < 2 &&
        is_vector(u, weight->dims[1 - *axis]))
        *axis = 1 - *axis;
    if (weight->rank <= *axis || elements <= 0)
        return fail(err, STATUS_SHAPE, "spectral norm of a weight without elements");
    if (!is_vector(u, weight->dims[*axis]) || !is_vector(v, elements / weight->dims[*axis]))
        return fail(err, STATUS_SHAPE, "weight_u and weight_v of the spectral norm do not fit weight_orig");
    return STATUS_OK;
}

static status check_magnitude(const struct modules *modules, const struct recipe *recipe, const struct shape *weight,
                              struct error *err) {
    const struct checkpoint_tensor *g = module_tensor(modules, recipe->module, LEAF_MAGNITUDE);
    const bool scalar = g && shape_elements(&g->shape) == 1;
    bool fits = g && (scalar || g->shape.rank == weight->rank);
    for (int i = 0; fits && !scalar && i < weight->rank; i++)
        fits = g->shape.dims[i] == 1 || g->shape.dims[i] == weight->dims[i];
    return fits ? STATUS_OK : fail(err, STATUS_SHAPE, "the magnitude of the weight norm does not fit its direction");
}

static status check_form(const struct modules *modules, const struct recipe *recipe, const struct shape *weight,
                         struct error *err) {
    int axis;
    if (recipe->form == FORM_SPECTRAL)
        return recipe_spectral_axis(modules, recipe, weight, &axis, err);
    if (recipe->form == FORM_WEIGHT)
        return check_magnitude(modules, recipe, weight, err);
    if ((recipe->form == FORM_UNIT_U || recipe->form == FORM_UNIT_V || recipe->matrix) &&
        (weight->rank <= recipe->axis || shape_elements(weight) <= 0))
        return fail(err, STATUS_SHAPE, "spectral norm of a weight without elements");
    return STATUS_OK;
}

/* The shape after the weight has been made: turned, flattened, or one of its vectors. */
static void turn_shape(const struct recipe *recipe, struct shape *shape) {
    const struct shape from = *shape;
    if (recipe->transposed && from.rank == 2)
        *shape = (struct shape){2, {from.dims[1], from.dims[0]}};
    const bool unit = recipe->form == FORM_UNIT_U || recipe->form == FORM_UNIT_V;
    if (!recipe->matrix && !unit)
        return;
    const int64_t rows = from.dims[recipe->axis], columns = shape_elements(&from) / rows;
    *shape = recipe->matrix                ? (struct shape){2, {rows, columns}}
             : recipe->form == FORM_UNIT_U ? (struct shape){1, {rows}}
                                           : (struct shape){1, {columns}};
}

status recipe_shape(const struct modules *modules, const struct recipe *recipe, struct shape *shape,
                    struct error *err) {
    const struct checkpoint_tensor *mean = recipe->norm >= 0 ? module_tensor(modules, recipe->norm, LEAF_MEAN) : NULL;
    if (recipe->parameter >= 0)
        *shape = modules->parameters[recipe->parameter].tensor->shape;
    else if (mean)
        *shape = mean->shape;
    else
        return fail(err, STATUS_SHAPE, "nothing to take");
    if (check_form(modules, recipe, shape, err))
        return err->code;
    const int64_t channels = recipe->is_bias ? (shape->rank == 1 ? shape->dims[0] : -1) : channels_of(recipe, shape);
    if (recipe->norm >= 0 && check_norm(modules, recipe, channels, err))
        return err->code;
    turn_shape(recipe, shape);
    return STATUS_OK;
}

bool recipe_fits(const struct recipe *recipe, const struct shape *gives, const struct shape *shape) {
    int at = 0;
    for (int i = 0; i < gives->rank; i++) {
        while (recipe->any_ones && at < shape->rank && shape->dims[at] == 1 && gives->dims[i] != 1)
            at++;
        if (recipe->any_ones && gives->dims[i] == 1 && (at == shape->rank || shape->dims[at] != 1))
            continue;
        if (at == shape->rank || (shape->dims[at] >= 0 && shape->dims[at] != gives->dims[i]))
            return false;
        at++;
    }
    while (recipe->any_ones && at < shape->rank && shape->dims[at] == 1)
        at++;
    return at == shape->rank;
}
