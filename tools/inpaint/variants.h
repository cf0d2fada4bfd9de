/* Several generators in turn, each on the same pictures, in one process. */
#ifndef LIMNER_TOOLS_INPAINT_VARIANTS_H
#define LIMNER_TOOLS_INPAINT_VARIANTS_H

#include "tools/inpaint/batch.h"

struct variants {
    struct pair_list models; /* a variant's name and the network that paints; none: there are no variants */
    struct pair_list edges;  /* a variant's name and its edge model, for some of them */
};

/* What is wrong with the names, whatever the files hold. */
status variants_check(const struct variants *variants, struct error *err);

/*
 * settings and studio serve every variant, but for the models. files->output is a folder, made when it is not there;
 * the results of variant NAME are NAME.png in it, or NAME/PICTURE.png when pictures are a folder. Prints what each
 * variant took. *good as batch_run has it.
 */
status variants_run(const struct variants *variants, const struct studio_settings *studio,
                    const struct batch_settings *files, struct pool *pool, struct meter *meter, bool *good,
                    struct error *err);

/* One generator: the pictures are found, the models opened, and all of it painted. painter as batch_run has it. */
status variant_run(const struct studio_settings *settings, const struct batch_settings *files, struct painter *painter,
                   struct pool *pool, struct meter *meter, bool *good, struct error *err);

#endif
