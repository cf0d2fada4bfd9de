/* Ratios of small whole numbers: the steps of feature maps in pixels. */
#ifndef LIMNER_TOOLS_INPAINT_RATIO_H
#define LIMNER_TOOLS_INPAINT_RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATIO_MOST 65536 /* of either number */

/* In lowest terms, both above zero. */
struct ratio {
    int64_t above, below;
};

double ratio_value(struct ratio ratio);
/* Multiplies by the ratio that `factor` is. False, and the ratio stays, where it is none or the numbers grow large. */
bool ratio_scale(struct ratio *ratio, double factor);
/* *multiple becomes the least multiple of it that is a whole number of ratios. False, and it stays, above RATIO_MOST.
 */
bool ratio_whole_multiple(struct ratio ratio, size_t *multiple);

#endif
