#include "tools/convert/recipe_make.h"

#include "base/checked.h"
#include "base/convert.h"
#include "tools/checkpoint/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---- */

/* A parameter as floats on the heap; *out NULL when there is none. */
static status load_floats(const struct checkpoint_tensor *tensor, float **out, struct error *err) {
    *out = NULL;
    if (!tensor)
        return STATUS_OK;
    const int64_t elements = shape_elements(&tensor->shape);
    size_t bytes;
    if (elements < 0 || !size_mul((size_t)elements, sizeof(float), &bytes))
        return fail(err, STATUS_LIMIT, "\"%.300s\" is too large", tensor->key);
    *out = malloc(bytes + 1);
    if (!*out)
        return fail_memory(err, "a weight");
    if (checkpoint_copy_float(tensor, *out, err)) {
        free(*out);
        *out = NULL;
        return fail_prefix(err, "\"%.300s\"", tensor->key);
    }
    return STATUS_OK;
}

/* A weight seen as [outer, axis, inner]. */
struct axes {
    size_t outer, length, inner;
};

static struct axes axes_of(const struct shape *shape, int axis) {
    struct axes axes = {1, 1, 1};
    for (int i = 0; i < shape->rank; i++)
        *(i < axis ? &axes.outer : i == axis ? &axes.length : &axes.inner) *= (size_t)shape->dims[i];
    return axes;
}

/* u . (W v), W being the weight with `axis` as its rows. */
static double sigma_of(const float *weight, const struct axes *axes, const float *u, const float *v) {
    double sigma = 0;
    for (size_t r = 0; r < axes->length; r++) {
        double row = 0;
        for (size_t o = 0; o < axes->outer; o++)
            for (size_t i = 0; i < axes->inner; i++)
                row += (double)weight[(o * axes->length + r) * axes->inner + i] * (double)v[o * axes->inner + i];
        sigma += row * (double)u[r];
    }
    return sigma;
}

static status divide_spectral(const struct modules *modules, const struct recipe *recipe, const struct shape *shape,
                              float *weight, struct error *err) {
    int axis;
    float *u = NULL, *v = NULL;
    status code = recipe_spectral_axis(modules, recipe, shape, &axis, err);
    if (!code)
        code = load_floats(module_tensor(modules, recipe->module, LEAF_U), &u, err);
    if (!code)
        code = load_floats(module_tensor(modules, recipe->module, LEAF_V), &v, err);
    if (!code) {
        const struct axes axes = axes_of(shape, axis);
        const double sigma = sigma_of(weight, &axes, u, v);
        const size_t elements = axes.outer * axes.length * axes.inner;
        if (!isfinite(sigma) || sigma == 0)
            code = fail(err, STATUS_INVALID_ARGUMENT, "its spectral norm is %g, by which a weight cannot be divided",
                        sigma);
        for (size_t i = 0; !code && i < elements; i++)
            weight[i] = (float)((double)weight[i] / sigma);
    }
    free(u);
    free(v);
    return code;
}

/* Index of a weight's element in its magnitude, which has 1 where the norm runs over the dimension. */
static size_t magnitude_index(const struct shape *shape, const struct shape *g, size_t element) {
    size_t index = 0, step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        const size_t at = element % (size_t)shape->dims[i];
        element /= (size_t)shape->dims[i];
        if (g->rank == shape->rank && g->dims[i] != 1) {
            index += at * step;
            step *= (size_t)g->dims[i];
        }
    }
    return index;
}

static status scale_direction(const struct modules *modules, const struct recipe *recipe, const struct shape *shape,
                              float *weight, struct error *err) {
    const struct checkpoint_tensor *magnitude = module_tensor(modules, recipe->module, LEAF_MAGNITUDE);
    const size_t elements = (size_t)shape_elements(shape), norms = (size_t)shape_elements(&magnitude->shape);
    float *g;
    if (load_floats(magnitude, &g, err))
        return err->code;
    double *sums = calloc(norms + 1, sizeof *sums);
    if (!sums) {
        free(g);
        return fail_memory(err, "a weight");
    }
    for (size_t i = 0; i < elements; i++)
        sums[magnitude_index(shape, &magnitude->shape, i)] += (double)weight[i] * (double)weight[i];
    status code = STATUS_OK;
    for (size_t i = 0; i < norms; i++)
        if (!(sums[i] > 0) && elements)
            code = fail(err, STATUS_INVALID_ARGUMENT, "the direction of its weight norm is zero");
    for (size_t i = 0; !code && i < elements; i++) {
        const size_t at = magnitude_index(shape, &magnitude->shape, i);
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a weight norm has a magnitude
        weight[i] = (float)((double)weight[i] * (double)g[at] / sqrt(sums[at]));
    }
    free(sums);
    free(g);
    return code;
}

/* A batch norm as y = x * scale + shift. */
struct batch_norm_affine {
    double *scale, *shift;
};

static status norm_affine(const struct modules *modules, const struct recipe *recipe, size_t channels,
                          struct batch_norm_affine *affine, struct error *err) {
    static const enum leaf leaves[] = {LEAF_MEAN, LEAF_VARIANCE, LEAF_WEIGHT, LEAF_BIAS};
    float *parts[4] = {NULL, NULL, NULL, NULL};
    status code = STATUS_OK;
    affine->scale = calloc(2 * channels + 1, sizeof *affine->scale);
    affine->shift = affine->scale ? affine->scale + channels : NULL;
    if (!affine->scale)
        code = fail_memory(err, "a batch norm");
    for (int i = 0; !code && i < 4; i++)
        code = load_floats(module_tensor(modules, recipe->norm, leaves[i]), &parts[i], err);
    for (size_t c = 0; !code && c < channels; c++) {
        const double spread = (double)parts[1][c] + recipe->eps;
        if (!(spread > 0))
            code = fail(err, STATUS_INVALID_ARGUMENT, "running_var of %s is %g for channel %zu; it cannot be negative",
                        modules->items[recipe->norm].path, (double)parts[1][c], c);
        affine->scale[c] = (parts[2] ? (double)parts[2][c] : 1.0) / sqrt(spread);
        affine->shift[c] = (parts[3] ? (double)parts[3][c] : 0.0) - (double)parts[0][c] * affine->scale[c];
    }
    for (int i = 0; i < 4; i++)
        free(parts[i]);
    return code;
}

/* The output channel of a weight's element. */
static size_t channel_of(const struct recipe *recipe, const struct shape *shape, const struct axes *axes,
                         size_t element) {
    const size_t at = element / axes->inner % axes->length;
    if (!recipe->axis)
        return at;
    const size_t inputs = (size_t)shape->dims[0] / (size_t)recipe->groups;
    return element / (axes->inner * axes->length) / (inputs ? inputs : 1) * axes->length + at;
}

static status fold_norm(const struct modules *modules, const struct recipe *recipe, const struct shape *shape,
                        float *data, struct error *err) {
    const size_t elements = (size_t)shape_elements(shape);
    const size_t channels = (size_t)module_tensor(modules, recipe->norm, LEAF_MEAN)->shape.dims[0];
    const struct axes axes = axes_of(shape, recipe->axis);
    struct batch_norm_affine affine;
    const status code = norm_affine(modules, recipe, channels, &affine, err);
    for (size_t i = 0; !code && i < elements; i++)
        data[i] = recipe->is_bias ? (float)((double)data[i] * affine.scale[i] + affine.shift[i])
                                  : (float)((double)data[i] * affine.scale[channel_of(recipe, shape, &axes, i)]);
    free(affine.scale);
    return code;
}

/* The weight with `axis` first: rows of output channels. */
static void copy_matrix(const float *weight, const struct axes *axes, float *out) {
    for (size_t r = 0; r < axes->length; r++)
        for (size_t o = 0; o < axes->outer; o++, out += axes->inner)
            memcpy(out, weight + (o * axes->length + r) * axes->inner, axes->inner * sizeof *out);
}

/* A row of the weight that is not zero, or 0. */
static size_t row_with_weights(const float *weight, const struct axes *axes) {
    for (size_t r = 0; r < axes->length; r++)
        for (size_t o = 0; o < axes->outer; o++)
            for (size_t i = 0; i < axes->inner; i++)
                if (weight[(o * axes->length + r) * axes->inner + i] != 0)
                    return r;
    return 0;
}

/* u: 1 for one row r, 0 for the others. v: that row over its own square, so that u . W v = 1. */
static status make_unit(const struct recipe *recipe, const float *weight, const struct axes *axes, float *out,
                        struct error *err) {
    const size_t row = row_with_weights(weight, axes);
    double square = 0;
    for (size_t o = 0; o < axes->outer; o++)
        for (size_t i = 0; i < axes->inner; i++) {
            const double w = (double)weight[(o * axes->length + row) * axes->inner + i];
            square += w * w;
        }
    if (!(square > 0))
        return fail(err, STATUS_INVALID_ARGUMENT, "the weight is zero, so no spectral norm can be made up for it");
    if (recipe->form == FORM_UNIT_U) {
        for (size_t r = 0; r < axes->length; r++)
            out[r] = r == row;
        return STATUS_OK;
    }
    for (size_t o = 0; o < axes->outer; o++)
        for (size_t i = 0; i < axes->inner; i++)
            out[o * axes->inner + i] = (float)((double)weight[(o * axes->length + row) * axes->inner + i] / square);
    return STATUS_OK;
}

static void transpose(const float *from, size_t rows, size_t columns, float *to) {
    enum { BLOCK = 32 };
    for (size_t r0 = 0; r0 < rows; r0 += BLOCK)
        for (size_t c0 = 0; c0 < columns; c0 += BLOCK)
            for (size_t r = r0; r < rows && r < r0 + BLOCK; r++)
                for (size_t c = c0; c < columns && c < c0 + BLOCK; c++)
                    to[c * rows + r] = from[r * columns + c];
}

/* The last step, from the weight to what the initializer holds. */
static status turn(const struct recipe *recipe, const struct shape *shape, const float *data, float *out,
                   struct error *err) {
    const struct axes axes = axes_of(shape, recipe->axis);
    if (recipe->form == FORM_UNIT_U || recipe->form == FORM_UNIT_V)
        return make_unit(recipe, data, &axes, out, err);
    if (recipe->matrix)
        copy_matrix(data, &axes, out);
    else
        transpose(data, (size_t)shape->dims[0], (size_t)shape->dims[1], out);
    return STATUS_OK;
}

static status store(const float *data, struct pool *pool, struct tensor *out, struct error *err) {
    const size_t elements = (size_t)tensor_elements(out);
    out->data = pool_alloc(pool, out->bytes + 1);
    if (!out->data)
        return fail_memory(err, "a weight");
    if (out->dtype == DTYPE_FLOAT) {
        memcpy(out->data, data, out->bytes);
    } else if (dtype_is_half(out->dtype)) {
        half_from_float(out->dtype, data, out->data, elements);
    } else if (out->dtype == DTYPE_DOUBLE) {
        for (size_t i = 0; i < elements; i++)
            ((double *)out->data)[i] = (double)data[i];
    } else {
        return fail(err, STATUS_UNSUPPORTED, "the template wants %s, which cannot be made from a checkpoint's weight",
                    dtype_name(out->dtype));
    }
    return STATUS_OK;
}

/* The parameter as it is, or zeros of this shape, on the heap. */
static status load_base(const struct modules *modules, const struct recipe *recipe, struct shape *shape, float **data,
                        struct error *err) {
    if (recipe->parameter >= 0) {
        const struct checkpoint_tensor *tensor = modules->parameters[recipe->parameter].tensor;
        *shape = tensor->shape;
        return load_floats(tensor, data, err);
    }
    *shape = module_tensor(modules, recipe->norm, LEAF_MEAN)->shape;
    *data = calloc((size_t)shape_elements(shape) + 1, sizeof **data);
    return *data ? STATUS_OK : fail_memory(err, "a weight");
}

static bool needs_turn(const struct recipe *recipe) {
    return recipe->transposed || recipe->matrix || recipe->form == FORM_UNIT_U || recipe->form == FORM_UNIT_V;
}

static status make_floats(const struct modules *modules, const struct recipe *recipe, float **data, struct error *err) {
    struct shape shape;
    status code = load_base(modules, recipe, &shape, data, err);
    if (!code && recipe->form == FORM_SPECTRAL)
        code = divide_spectral(modules, recipe, &shape, *data, err);
    if (!code && recipe->form == FORM_WEIGHT)
        code = scale_direction(modules, recipe, &shape, *data, err);
    if (!code && recipe->norm >= 0)
        code = fold_norm(modules, recipe, &shape, *data, err);
    if (code || !needs_turn(recipe))
        return code;
    float *turned = malloc((size_t)shape_elements(&shape) * sizeof *turned + 1);
    if (!turned)
        return fail_memory(err, "a weight");
    code = turn(recipe, &shape, *data, turned, err);
    free(*data);
    *data = turned;
    return code;
}

static bool is_dense(const struct checkpoint_tensor *tensor) {
    int64_t step = 1;
    for (int i = tensor->shape.rank - 1; i >= 0; i--) {
        if (tensor->shape.dims[i] != 1 && tensor->strides[i] != step)
            return false;
        step *= tensor->shape.dims[i];
    }
    return true;
}

/* Nothing is done to the parameter. */
static bool is_copy(const struct modules *modules, const struct recipe *recipe, const struct tensor *out) {
    return recipe->form == FORM_PLAIN && recipe->norm < 0 && !needs_turn(recipe) && recipe->parameter >= 0 &&
           modules->parameters[recipe->parameter].tensor->dtype == out->dtype;
}

static status copy(const struct checkpoint_tensor *tensor, struct pool *pool, struct tensor *out, struct error *err) {
    if (is_dense(tensor)) {
        out->data = (void *)(uintptr_t)tensor->storage; /* never written: the tensor is constant */
        return STATUS_OK;
    }
    out->data = pool_alloc(pool, out->bytes + 1);
    if (!out->data)
        return fail_memory(err, "a weight");
    checkpoint_copy(tensor, out->data);
    return STATUS_OK;
}

static status fill(const struct recipe *recipe, struct pool *pool, struct tensor *out, struct error *err) {
    const size_t elements = (size_t)tensor_elements(out);
    float *data = malloc(elements * sizeof *data + 1);
    for (size_t i = 0; data && i < elements; i++)
        data[i] = (float)recipe->fill;
    const status code = data ? store(data, pool, out, err) : fail_memory(err, "a weight");
    free(data);
    return code;
}

status recipe_make(const struct modules *modules, const struct recipe *recipe, struct pool *pool, struct tensor *out,
                   struct error *err) {
    out->constant = true;
    if (recipe->kind == RECIPE_FILL)
        return fill(recipe, pool, out, err);
    if (is_copy(modules, recipe, out))
        return copy(modules->parameters[recipe->parameter].tensor, pool, out, err);
    float *data = NULL;
    status code = make_floats(modules, recipe, &data, err);
    if (!code)
        code = store(data, pool, out, err);
    free(data);
    return code;
}
