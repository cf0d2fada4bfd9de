#include "tools/engine/shapes.h"

#include <stdio.h>
#include <string.h>

/* Sizes that names stand for. */
#define MAX_BOUND 64
struct bindings {
    struct {
        const char *name;
        int64_t size;
    } items[MAX_BOUND];
    int count;
};

static void bind(struct bindings *bindings, const char *name, int64_t size) {
    if (!name)
        return;
    for (int i = 0; i < bindings->count; i++)
        if (strcmp(bindings->items[i].name, name) == 0)
            return;
    if (bindings->count < MAX_BOUND) {
        bindings->items[bindings->count].name = name;
        bindings->items[bindings->count++].size = size;
    }
}

static int64_t bound(const struct bindings *bindings, const char *name) {
    for (int i = 0; name && i < bindings->count; i++)
        if (strcmp(bindings->items[i].name, name) == 0)
            return bindings->items[i].size;
    return -1;
}

static const struct given_shape *find_given(const struct shape_list *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (list->items[i].name ? name && strcmp(list->items[i].name, name) == 0 : !name)
            return &list->items[i];
    return NULL;
}

static status check_names(const struct engine *engine, const struct shape_list *given, struct error *err) {
    for (int i = 0; i < given->count; i++) {
        limner_value value;
        if (given->items[i].name) {
            const status code = engine_find_input(engine, given->items[i].name, &value, err);
            if (code)
                return code;
            if (value.optional)
                return fail(err, STATUS_INVALID_ARGUMENT, "--shape: input \"%s\" has a default, which fixes its shape",
                            value.name);
        }
    }
    return STATUS_OK;
}

static status take_given(const limner_value *value, const struct given_shape *given, limner_tensor *tensor,
                         struct bindings *bindings, struct error *err) {
    char text[TYPE_TEXT_BYTES];
    bool fits = value->rank < 0 || value->rank == given->shape.rank;
    for (int d = 0; fits && d < value->rank; d++)
        fits = value->dims[d] < 0 || value->dims[d] == given->shape.dims[d];
    if (!fits)
        return fail(err, STATUS_SHAPE, "--shape does not fit input \"%s\": it is %s", value->name,
                    engine_type_text(value, text));
    tensor->rank = given->shape.rank;
    for (int d = 0; d < tensor->rank; d++) {
        tensor->dims[d] = given->shape.dims[d];
        if (value->rank > 0)
            bind(bindings, value->names[d], tensor->dims[d]);
    }
    return STATUS_OK;
}

/* Dims that nothing was given for: -1 stays where nothing is known. */
static bool take_declared(const limner_value *value, limner_tensor *tensor, struct bindings *bindings) {
    bool known = value->rank >= 0;
    tensor->rank = value->rank < 0 ? 0 : value->rank;
    for (int d = 0; d < tensor->rank; d++) {
        int64_t size = value->dims[d] >= 0 ? value->dims[d] : bound(bindings, value->names[d]);
        if (size < 0 && d == 0 && value->rank > 1) {
            size = 1;
            bind(bindings, value->names[d], size);
        }
        tensor->dims[d] = size;
        known = known && size >= 0;
    }
    return known;
}

/* Says what is open, with an example that keeps the fixed sizes. */
static void describe_open(const limner_value *value, char open[OPEN_TEXT_BYTES]) {
    char type[TYPE_TEXT_BYTES], example[SHAPE_TEXT_BYTES] = "SIZExSIZE";
    size_t used = 0;
    for (int d = 0; d < value->rank && used < sizeof example; d++) {
        const int64_t guess = d == 0 ? 1 : d == 1 && value->rank == 4 ? 3 : 256;
        used += (size_t)snprintf(example + used, sizeof example - used, "%s%lld", d ? "x" : "",
                                 (long long)(value->dims[d] < 0 ? guess : value->dims[d]));
    }
    snprintf(open, OPEN_TEXT_BYTES, "input \"%s\" is %s: give its size, for example --shape %s=%s", value->name,
             engine_type_text(value, type), value->name, example);
}

/* Given shapes first, so that the names they settle serve all inputs. */
static status take_all_given(const struct engine *engine, const struct shape_list *given, size_t required,
                             const struct given_shape **chosen, limner_tensor *tensors, struct bindings *bindings,
                             struct error *err) {
    const struct given_shape *nameless = find_given(given, NULL);
    for (size_t i = 0; i < required; i++) {
        const limner_value value = engine_input(engine, i);
        chosen[i] = find_given(given, value.name);
        if (!chosen[i] && nameless) {
            chosen[i] = nameless;
            nameless = NULL;
        }
        tensors[i] = (limner_tensor){.name = value.name, .type = value.type};
        const status code = chosen[i] ? take_given(&value, chosen[i], &tensors[i], bindings, err) : STATUS_OK;
        if (code)
            return code;
    }
    return nameless ? fail(err, STATUS_INVALID_ARGUMENT, "no input is left for the --shape without a name") : STATUS_OK;
}

/* Inputs that a run needs come first. */
static size_t count_required(const struct engine *engine) {
    size_t count = 0;
    while (count < limner_model_input_count(engine->model) && !engine_input(engine, count).optional)
        count++;
    return count;
}

status shapes_resolve(const struct engine *engine, const struct shape_list *given, limner_tensor *tensors,
                      size_t *count, char open[OPEN_TEXT_BYTES], struct error *err) {
    struct pool *pool = pool_create();
    *count = count_required(engine);
    open[0] = '\0';
    const struct given_shape **chosen = pool ? pool_array(pool, *count + 1, sizeof *chosen) : NULL;
    struct bindings *bindings = pool ? pool_alloc(pool, sizeof *bindings) : NULL;
    status code = chosen && bindings ? check_names(engine, given, err) : fail_memory(err, "the shapes");
    if (!code)
        code = take_all_given(engine, given, *count, chosen, tensors, bindings, err);
    for (size_t i = 0; !code && i < *count; i++) {
        const limner_value value = engine_input(engine, i);
        if (!chosen[i] && !take_declared(&value, &tensors[i], bindings) && !open[0])
            describe_open(&value, open);
    }
    pool_destroy(pool);
    return code;
}

void json_shapes(struct json *json, const char *key, const limner_tensor *tensors, size_t count) {
    json_object(json, key);
    for (size_t i = 0; i < count; i++) {
        json_array(json, tensors[i].name);
        for (int d = 0; d < tensors[i].rank; d++)
            json_integer(json, NULL, tensors[i].dims[d]);
        json_close(json, ']');
    }
    json_close(json, '}');
}
