/* Recipes for what is known of a place: of a layer's slot, of a name, of the map. */
#ifndef LIMNER_TOOLS_CONVERT_CHOOSE_RECIPE_H
#define LIMNER_TOOLS_CONVERT_CHOOSE_RECIPE_H

#include "tools/convert/plan.h"

/* A module's weight in whatever form it is stored. */
struct recipe take_weight(const struct conversion_plan *plan, int module);
struct recipe take_parameter(const struct conversion_plan *plan, int parameter);
struct recipe fill_with(double number, const char *why);
struct recipe keep_data(const char *why);

/* What depends on the kind of layer; NULL: a plain one. */
void recipe_look_at_layer(const struct layer *layer, struct recipe *recipe);

/* For a slot of a layer whose module is known. Problems go to the plan; of some the result is RECIPE_NONE. */
struct recipe slot_recipe(struct conversion_plan *plan, const struct layer *layer, const struct weight_slot *slot);
/* For a layer's weight as exporters put it beside weight_v: output channels as rows. */
struct recipe matrix_recipe(const struct conversion_plan *plan, const struct layer *layer);
/* For a value outside of layers that is called after a module's parameter: weight_orig, weight_u and weight_v in either
 * spelling, and made up for a weight that is normalised already. RECIPE_NONE when the module has no such thing. */
struct recipe named_recipe(const struct conversion_plan *plan, int module, enum leaf leaf);

/* Every element of the value's own data is this number. */
bool value_is_all(const struct value *value, double number);

#endif
