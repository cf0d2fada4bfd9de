#include "tools/convert/report.h"

#include "tools/cli/json.h"
#include "tools/cli/output.h"

#include <string.h>

/* ---- one initializer ---- */

static bool is_listed(const struct conversion_plan *plan, int index) {
    return plan->recipes[index].kind != RECIPE_NONE && plan->recipes[index].kind != RECIPE_REFUSED;
}

/* The key that it comes from, or NULL. */
static const char *key_of(const struct conversion_plan *plan, const struct recipe *recipe) {
    return recipe->kind == RECIPE_TAKE && recipe->parameter >= 0
               ? plan->modules.parameters[recipe->parameter].tensor->key
               : NULL;
}

static const char *form_text(const struct recipe *recipe) {
    static const char *const texts[] = {
        [FORM_PLAIN] = "",
        [FORM_SPECTRAL] = "spectral norm divided out",
        [FORM_WEIGHT] = "weight norm multiplied out",
        [FORM_UNIT_U] = "made up: the weight is normalised already",
        [FORM_UNIT_V] = "made up: the weight is normalised already",
    };
    return texts[recipe->form];
}

static const char *append(struct conversion_plan *plan, const char *text, const char *more) {
    return *more ? plan_text(plan, "%s%s%s", text, *text ? ", " : "", more) : text;
}

static const char *pin_text(struct conversion_plan *plan, int index) {
    const struct weight_slot *slot;
    const struct layer *layer = plan_layer_reading(plan, index, &slot);
    switch (plan->pins[index]) {
    case PIN_MAP:
        return "by the map";
    case PIN_SCOPE:
        return "by the exporter's note";
    case PIN_NEIGHBOUR:
        return "by its neighbour";
    case PIN_ORDER:
        return !layer || layer->rank_of == 1 ? "the only one of its shape"
                                             : plan_text(plan, "by order, %d of %d", layer->rank, layer->rank_of);
    default:
        return "";
    }
}

/* "transposed, by order, 3 of 8" */
static const char *what_text(struct conversion_plan *plan, int index) {
    const struct recipe *recipe = &plan->recipes[index];
    if (recipe->kind != RECIPE_TAKE)
        return recipe->why;
    const char *text = form_text(recipe);
    if (recipe->matrix)
        text = append(plan, text, "as a matrix");
    if (recipe->transposed)
        text = append(plan, text, "transposed");
    if (recipe->norm >= 0)
        text =
            append(plan, text,
                   plan_text(plan, "%.300s folded in (eps %g)", plan->modules.items[recipe->norm].path, recipe->eps));
    const enum dtype dtype =
        recipe->parameter >= 0 ? plan->modules.parameters[recipe->parameter].tensor->dtype : DTYPE_FLOAT;
    const enum dtype wanted = value_dtype(&plan->graph->values[index]);
    if (dtype != wanted && wanted != DTYPE_UNDEFINED)
        text = append(plan, text, plan_text(plan, "from %s", dtype_name(dtype)));
    return append(plan, text, pin_text(plan, index));
}

static const char *shape_of(struct conversion_plan *plan, int index) {
    struct shape shape;
    struct error ignored;
    const struct recipe *recipe = &plan->recipes[index];
    if (recipe->kind == RECIPE_TAKE && !recipe->any_ones && !recipe_shape(&plan->modules, recipe, &shape, &ignored))
        return plan_shape_text(plan, &shape);
    return value_shape(&plan->graph->values[index], &shape) ? plan_shape_text(plan, &shape) : "?";
}

static const char *source_text(struct conversion_plan *plan, int index) {
    const struct recipe *recipe = &plan->recipes[index];
    const char *key = key_of(plan, recipe);
    return key ? key : recipe->kind == RECIPE_TAKE ? "zeros" : NULL;
}

/* ---- keys left over ---- */

static bool is_left_over(const struct module_parameter *parameter) {
    return !parameter->used && !parameter->ignored;
}

static int count_left_over(const struct conversion_plan *plan) {
    int count = 0;
    for (int i = 0; i < plan->modules.parameter_count; i++)
        count += is_left_over(&plan->modules.parameters[i]);
    return count;
}

/* ---- for people ---- */

#define MOST_LISTED 20

static void print_left_over(struct conversion_plan *plan, FILE *stream) {
    const int count = count_left_over(plan);
    int listed = 0;
    if (count)
        fprintf(stream, "keys left over: %d\n", count);
    for (int i = 0; i < plan->modules.parameter_count && listed < MOST_LISTED; i++)
        if (is_left_over(&plan->modules.parameters[i])) {
            const struct checkpoint_tensor *tensor = plan->modules.parameters[i].tensor;
            say(stream, "  %s  %s\n", tensor->key, plan_shape_text(plan, &tensor->shape));
            listed++;
        }
    if (count > listed)
        fprintf(stream, "  and %d more\n", count - listed);
}

static void print_head(struct conversion_plan *plan, const struct report *report, FILE *stream) {
    say(stream, "checkpoint  %s (%s), %d tensors", report->checkpoint, report->format, plan->modules.parameter_count);
    if (*report->chosen)
        say(stream, " in \"%s\"", report->chosen);
    if (*report->beside)
        say(stream, ", not in %s", report->beside);
    if (*plan->modules.wrappers)
        say(stream, "; %s taken out wherever their keys have it", plan->modules.wrappers);
    if (*plan->modules.taken)
        say(stream, "; \"%s\" taken from their keys", plan->modules.taken);
    if (*plan->modules.put)
        say(stream, "; \"%s\" put before their keys", plan->modules.put);
    say(stream, "\ntemplate    %s\n", report->template);
}

void report_print(struct conversion_plan *plan, const struct report *report, FILE *stream) {
    int name_width = 0, shape_width = 0;
    for (int i = 0; i < plan->graph->value_count; i++)
        if (is_listed(plan, i)) {
            const int name = (int)strlen(plan->graph->values[i].name), shape = (int)strlen(shape_of(plan, i));
            name_width = name > name_width ? name : name_width;
            shape_width = shape > shape_width ? shape : shape_width;
        }
    name_width = name_width < 48 ? name_width : 48;
    print_head(plan, report, stream);
    for (int i = 0; i < plan->graph->value_count; i++) {
        if (!is_listed(plan, i))
            continue;
        const char *source = source_text(plan, i), *what = what_text(plan, i);
        say(stream, "  %-*s  %-*s  ", name_width, plan->graph->values[i].name, shape_width, shape_of(plan, i));
        if (source)
            say(stream, *what ? "<- %s (%s)\n" : "<- %s%s\n", source, what);
        else
            say(stream, "%s\n", what);
    }
    print_left_over(plan, stream);
}

/* ---- for programs ---- */

static void json_values(struct conversion_plan *plan, struct json *json) {
    json_array(json, "initializers");
    for (int i = 0; i < plan->graph->value_count; i++) {
        if (!is_listed(plan, i))
            continue;
        json_object(json, NULL);
        json_text(json, "name", plan->graph->values[i].name);
        json_text(json, "shape", shape_of(plan, i));
        json_text(json, "from", key_of(plan, &plan->recipes[i]));
        json_text(json, "what", what_text(plan, i));
        json_close(json, '}');
    }
    json_close(json, ']');
}

void report_json(struct conversion_plan *plan, const struct report *report, FILE *stream) {
    struct json json = {stream, false};
    json_object(&json, NULL);
    json_text(&json, "checkpoint", report->checkpoint);
    json_text(&json, "format", report->format);
    json_text(&json, "dictionary", report->chosen);
    json_text(&json, "not_in", report->beside);
    json_text(&json, "wrappers_taken", plan->modules.wrappers);
    json_text(&json, "prefix_taken", plan->modules.taken);
    json_text(&json, "prefix_put", plan->modules.put);
    json_text(&json, "template", report->template);
    json_values(plan, &json);
    json_array(&json, "left_over");
    for (int i = 0; i < plan->modules.parameter_count; i++)
        if (is_left_over(&plan->modules.parameters[i]))
            json_text(&json, NULL, plan->modules.parameters[i].tensor->key);
    json_close(&json, ']');
    json_array(&json, "problems");
    for (const struct convert_problem *problem = plan->problems; problem; problem = problem->next)
        json_text(&json, NULL, problem->text);
    json_close(&json, ']');
    json_text(&json, "output", report->output);
    json_close(&json, '}');
    fputc('\n', stream);
}

/* ---- as a map ---- */

static void print_word(const char *word, FILE *stream) {
    const bool quoted = strpbrk(word, " \t#") != NULL;
    fprintf(stream, quoted ? "\"%s\"" : "%s", word);
}

static bool in_map(const struct recipe *recipe) {
    return recipe->kind == RECIPE_TAKE && recipe->form != FORM_UNIT_U && recipe->form != FORM_UNIT_V;
}

static void print_rules(const struct map *map, FILE *stream) {
    for (int i = 0; map && i < map->count; i++) {
        if (map->entries[i].action != MAP_RENAME)
            continue;
        print_word(map->entries[i].target, stream);
        fputs(" -> ", stream);
        print_word(map->entries[i].key, stream);
        fputc('\n', stream);
    }
}

void report_map(struct conversion_plan *plan, const struct report *report, FILE *stream) {
    fprintf(stream, "# %s into %s\n", report->checkpoint, report->template);
    print_rules(plan->map, stream);
    for (int i = 0; i < plan->graph->value_count; i++) {
        const struct recipe *recipe = &plan->recipes[i];
        const struct weight_slot *slot;
        const struct layer *layer = plan_layer_reading(plan, i, &slot);
        if (!in_map(recipe))
            continue;
        print_word(plan->graph->values[i].name, stream);
        fputs(" <- ", stream);
        print_word(recipe->parameter < 0 ? "zeros" : plan->modules.parameters[recipe->parameter].name, stream);
        if (recipe->transposed || (layer && layer->transposed && slot->leaf == LEAF_WEIGHT))
            fputs(recipe->transposed ? " transposed" : " plain", stream);
        if (recipe->norm >= 0) {
            fputs(" folded ", stream);
            print_word(plan->modules.items[recipe->norm].path, stream);
        }
        fputc('\n', stream);
    }
}
