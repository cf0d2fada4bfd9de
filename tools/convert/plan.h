/* A conversion as it is being worked out: which tensor of the checkpoint goes where in the template. */
#ifndef LIMNER_TOOLS_CONVERT_PLAN_H
#define LIMNER_TOOLS_CONVERT_PLAN_H

#include "onnx/model.h"
#include "tools/convert/layers.h"
#include "tools/convert/map.h"
#include "tools/convert/neighbours.h"
#include "tools/convert/recipe.h"
#include "tools/convert/straighten.h"

struct convert_problem {
    const char *text;
    struct convert_problem *next;
};

struct conversion_plan {
    struct pool *pool;
    const struct onnx_model *source;
    struct graph *graph; /* a copy, changed */
    struct value_aliases aliases;
    struct modules modules;
    struct layers layers;
    int *layer_of;                      /* by module: the first layer pinned to it, or -1 */
    int (*neighbours)[MOST_NEIGHBOURS]; /* by module, of batch norms: what they may follow; ends with -1 */
    int *norm_user;                     /* by module: the layer that a batch norm is folded into, or -1 */
    const struct map *map;
    double eps; /* of folded batch norms */
    bool by_order;
    struct recipe *recipes; /* by value */
    enum pin *pins;         /* by value: how its module was found */
    int *reading;           /* by value: the first layer that has it in a slot, or -1 */
    int capacity;           /* of recipes, pins and reading */
    struct names values;    /* of the graph, by name */
    struct convert_problem *problems, **last_problem;
    int problem_count;
    bool lost; /* without memory */
};

/* Adds to the list of what stands against the conversion. */
void plan_problem(struct conversion_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* So many problems that no more are listed, and none need be looked for. */
bool plan_has_enough(const struct conversion_plan *plan);

/* Text in the plan's pool; "" without memory, and then plan->lost is set. */
const char *plan_text(struct conversion_plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Pins the layer to the module. */
void plan_pin(struct conversion_plan *plan, struct layer *layer, int module, enum pin pin);

/* "Conv \"/encoder/encoder.0/Conv\"" */
const char *plan_layer_text(struct conversion_plan *plan, const struct layer *layer);
const char *plan_shape_text(struct conversion_plan *plan, const struct shape *shape);
/* The shape that the template declares: "[width1,4,7,7]". */
const char *plan_wanted_text(struct conversion_plan *plan, const struct value *value);

/* Output channels of the layer by its module's weight, or -1. */
int64_t plan_channels(const struct conversion_plan *plan, const struct layer *layer);
/* Index of the value of this name, or -1. */
int plan_find_value(const struct conversion_plan *plan, const char *name);
/* The first layer that reads the value, and where; NULL when none does. */
const struct layer *plan_layer_reading(const struct conversion_plan *plan, int value, const struct weight_slot **slot);

/* ---- the steps, in this order ---- */

#endif
