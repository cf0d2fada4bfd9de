/* What ai.onnx.ml does with scores in the end: the attribute "post_transform". */
#ifndef LIMNER_OPS_ML_POST_TRANSFORM_H
#define LIMNER_OPS_ML_POST_TRANSFORM_H

#include "ops/core/attributes.h"

enum post_transform { POST_NONE, POST_SOFTMAX, POST_LOGISTIC, POST_SOFTMAX_ZERO, POST_PROBIT };

/* From the text; errors are the reader's. */
enum post_transform post_transform_read(struct attributes *attributes);
double logistic(double x);
/* In place, of the scores of one row. */
void post_transform(enum post_transform transform, double *scores, int64_t count);

#endif
