#include "tools/inpaint/ratio.h"

#include "base/sizes.h"

#include <math.h>

double ratio_value(struct ratio ratio) {
    return (double)ratio.above / (double)ratio.below;
}

static bool is_whole(double value) {
    return value >= 0.5 && value <= RATIO_MOST && fabs(value - round(value)) < 1e-6 * value;
}

/* The ratio with the smallest denominator that is the number but for rounding. */
static bool ratio_of(double value, struct ratio *ratio) {
    enum { MOST_BELOW = 256 };
    for (int below = 1; below <= MOST_BELOW; below++)
        if (is_whole(value * below)) {
            *ratio = (struct ratio){(int64_t)round(value * below), below};
            return true;
        }
    return false;
}

bool ratio_scale(struct ratio *ratio, double factor) {
    struct ratio other;
    if (!ratio_of(factor, &other))
        return false;
    const struct ratio product = {ratio->above * other.above, ratio->below * other.below};
    const int64_t common = greatest_common_divisor(product.above, product.below);
    if (product.above / common > RATIO_MOST || product.below / common > RATIO_MOST)
        return false;
    *ratio = (struct ratio){product.above / common, product.below / common};
    return true;
}

bool ratio_whole_multiple(struct ratio ratio, size_t *multiple) {
    const int64_t common = greatest_common_divisor((int64_t)*multiple, ratio.above);
    const int64_t least = (int64_t)*multiple / common * ratio.above;
    if (least > RATIO_MOST)
        return false;
    *multiple = (size_t)least;
    return true;
}
