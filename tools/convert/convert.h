/* A checkpoint's weights put into a template: the whole conversion, and its report. */
#ifndef LIMNER_TOOLS_CONVERT_CONVERT_H
#define LIMNER_TOOLS_CONVERT_CONVERT_H

#include "tools/convert/plan.h"

/* Zero everywhere is a good default. */
struct convert_options {
    const struct map *map; /* or NULL */
    const char *prefix;    /* taken from the keys; NULL: found */
    double eps;            /* of folded batch norms; 0: what the template's own have, else 1e-5 */
    bool by_order;         /* the order of layers and keys may be relied on */
};

/*
 * Works out where everything goes. The checkpoint's dictionary was chosen before; template and checkpoint outlive the
 * plan. Things that cannot be settled are plan->problems, and no error. Closed with convert_close, after errors too.
 */
status convert_plan(const struct onnx_model *template, const struct checkpoint *checkpoint,
                    const struct convert_options *options, struct pool *pool, struct conversion_plan *plan,
                    struct error *err);
void convert_close(struct conversion_plan *plan);

#endif
