/* Labels of classes: numbers or strings of the model. */
#ifndef LIMNER_OPS_ML_LABELS_H
#define LIMNER_OPS_ML_LABELS_H

#include "ops/core/attributes.h"

struct labels {
    const int64_t *numbers; /* one of the two */
    const struct text *texts;
    int64_t count;
};

/* From one of two attributes; STATUS_INVALID_MODEL where there are both, or none. */
status labels_read(struct attributes *attributes, const char *numbers, const char *texts, struct labels *labels,
                   struct error *err);
enum dtype labels_type(const struct labels *labels);
/* Label i of the labels as element `at` of the output; 0 or "" where there is no such label. */
void labels_write(const struct labels *labels, int64_t i, struct tensor *output, int64_t at);

#endif
