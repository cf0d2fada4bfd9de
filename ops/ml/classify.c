#include "ops/ml/classify.h"

int64_t classify_best(const double *scores, const unsigned char *has, int64_t count) {
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++)
        if ((!has || has[i]) && (best < 0 || scores[i] > scores[best]))
            best = i;
    return best;
}

void classify_pair(enum post_transform transform, bool probability, double score, double scores[2]) {
    const bool logistic_pair = transform == POST_LOGISTIC;
    scores[0] = logistic_pair ? logistic(-score) : probability ? 1 - score : -score;
    scores[1] = logistic_pair ? logistic(score) : score;
}
