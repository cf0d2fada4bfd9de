/* Scores of classes, and the label that they choose, as the classifiers of ai.onnx.ml give them. */
#ifndef LIMNER_OPS_ML_CLASSIFY_H
#define LIMNER_OPS_ML_CLASSIFY_H

#include "ops/ml/labels.h"
#include "ops/ml/post_transform.h"

/* The place of the largest score, the first of equal ones; `has`: which there are, NULL for all. -1 without any. */
int64_t classify_best(const double *scores, const unsigned char *has, int64_t count);
/*
 * Two classes of which one score is known, the second one's: both scores follow from it. probability: the score is one,
 * so the other is 1 - score; else it is -score. A logistic transform gives both in either case.
 */
void classify_pair(enum post_transform transform, bool probability, double score, double scores[2]);

#endif
