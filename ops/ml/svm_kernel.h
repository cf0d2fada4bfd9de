/* Support vector machines: their kernels, and how probabilities of pairs become those of classes. */
#ifndef LIMNER_OPS_ML_SVM_KERNEL_H
#define LIMNER_OPS_ML_SVM_KERNEL_H

#include "ops/core/attributes.h"
#include "ops/ml/rows.h"

enum svm_kernel_type { KERNEL_LINEAR, KERNEL_POLY, KERNEL_RBF, KERNEL_SIGMOID };

struct svm_kernel {
    enum svm_kernel_type type;
    double gamma, offset, degree;
};

/* "kernel_type" and "kernel_params". */
status svm_kernel_read(struct attributes *attributes, struct svm_kernel *kernel, struct error *err);
/* Of a row of the input and a vector of as many numbers. */
double svm_kernel(const struct svm_kernel *kernel, const struct rows *rows, int64_t row, const float *vector);
/*
 * Probabilities of `count` classes from those of every pair: pairs[i * count + j] that it is i where it is one of both.
 * Method 2 of Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004).
 * work: count * (count + 1) numbers.
 */
void svm_couple(const double *pairs, int64_t count, double *classes, double *work);

#endif
