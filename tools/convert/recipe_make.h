/* Recipes carried out. */
#ifndef LIMNER_TOOLS_CONVERT_RECIPE_MAKE_H
#define LIMNER_TOOLS_CONVERT_RECIPE_MAKE_H

#include "tools/convert/recipe.h"

/*
 * The data: out->dtype and out->shape are set before. Data that can be used as they lie in the checkpoint are not
 * copied; else they are put in the pool.
 */
status recipe_make(const struct modules *modules, const struct recipe *recipe, struct pool *pool, struct tensor *out,
                   struct error *err);

#endif
