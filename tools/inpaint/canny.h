/* Canny's edge detector, pixel for pixel as scikit-image's feature.canny defines it with mode "constant". */
#ifndef LIMNER_TOOLS_INPAINT_CANNY_H
#define LIMNER_TOOLS_INPAINT_CANNY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define CANNY_SIGMA 2.0
#define CANNY_LOW 0.1
#define CANNY_HIGH 0.2
#define CANNY_MOST_SIGMA 1000.0

struct canny_options {
    double sigma;     /* of the Gaussian, 0..CANNY_MOST_SIGMA; it is cut off at four sigmas */
    double low, high; /* thresholds of the gradient's magnitude, low <= high; low is used in single precision */
};

/* Writes the light of row y, in 0..1, into row. */
typedef void canny_row(const void *picture, size_t y, double *row);

struct canny_source {
    size_t width, height; /* 1 and above */
    canny_row *row;
    const void *picture;
    const uint8_t *hole; /* width * height; where it is not 0, the picture is not looked at. NULL: nowhere */
};

/* edges (width * height) becomes 1 on edges and 0 elsewhere. Rows are asked for once each, from the top down. */
status canny(const struct canny_source *source, const struct canny_options *options, uint8_t *edges, struct error *err);

#endif
