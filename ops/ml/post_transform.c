#include "ops/ml/post_transform.h"

#include <math.h>

enum post_transform post_transform_read(struct attributes *attributes) {
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT", NULL};
    return (enum post_transform)attribute_choice(attributes, "post_transform", names, POST_NONE);
}

double logistic(double x) {
    const double y = 1 / (1 + exp(-fabs(x)));
    return x < 0 ? 1 - y : y;
}

/* The quantile of the normal distribution, by Winitzki's formula for the inverse of erf ("A handy approximation for the
 * error function and its inverse", 2008): what other implementations of this transform give, too. */
static double probit(double x) {
    const double a = 0.147, pi = 3.14159265358979323846, y = 2 * x - 1;
    const double logarithm = log((1 - y) * (1 + y)), half = 2 / (pi * a) + 0.5 * logarithm;
    const double inverse = sqrt(-half + sqrt(half * half - logarithm / a));
    return sqrt(2.0) * (y < 0 ? -inverse : inverse);
}

/* zeros: scores of 0 stay, and do not count. */
static void softmax(double *scores, int64_t count, bool zeros) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, scores[i]);
    for (int64_t i = 0; i < count; i++) {
        if (zeros && fabs(scores[i]) <= 1e-7) {
            scores[i] *= exp(-most);
            continue;
        }
        scores[i] = exp(scores[i] - most);
        sum += scores[i];
    }
    for (int64_t i = 0; i < count && sum > 0; i++)
        scores[i] /= sum;
}

void post_transform(enum post_transform transform, double *scores, int64_t count) {
    if (transform == POST_SOFTMAX || transform == POST_SOFTMAX_ZERO)
        softmax(scores, count, transform == POST_SOFTMAX_ZERO);
    for (int64_t i = 0; i < count; i++)
        if (transform == POST_LOGISTIC)
            scores[i] = logistic(scores[i]);
        else if (transform == POST_PROBIT)
            scores[i] = probit(scores[i]);
}
