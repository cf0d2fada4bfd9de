#include "ops/ml/svm_kernel.h"

#include <math.h>

status svm_kernel_read(struct attributes *attributes, struct svm_kernel *kernel, struct error *err) {
    static const char *const names[] = {"LINEAR", "POLY", "RBF", "SIGMOID", NULL};
    size_t count;
    kernel->type = (enum svm_kernel_type)attribute_choice(attributes, "kernel_type", names, KERNEL_LINEAR);
    const float *numbers = attribute_floats(attributes, "kernel_params", &count);
    if (count != 0 && count != 3)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"kernel_params\" has %zu numbers, expected 3", count);
    if (count == 3) {
        kernel->gamma = numbers[0];
        kernel->offset = numbers[1];
        kernel->degree = numbers[2];
    }
    return attributes->code;
}

double svm_kernel(const struct svm_kernel *kernel, const struct rows *rows, int64_t row, const float *vector) {
    const int64_t first = row * rows->features;
    double sum = 0;
    for (int64_t i = 0; i < rows->features; i++) {
        const double x = number_at(rows->tensor, first + i), y = vector[i];
        sum += kernel->type == KERNEL_RBF ? (x - y) * (x - y) : x * y;
    }
    switch (kernel->type) {
    case KERNEL_LINEAR:
        return sum;
    case KERNEL_POLY:
        return pow(kernel->gamma * sum + kernel->offset, kernel->degree);
    case KERNEL_RBF:
        return exp(-kernel->gamma * sum);
    default:
        return tanh(kernel->gamma * sum + kernel->offset);
    }
}

/* q = Q p, and p' Q p, for the matrix Q of the method. */
static double products(const double *q_matrix, const double *p, int64_t count, double *q) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        q[i] = 0;
        for (int64_t j = 0; j < count; j++)
            q[i] += q_matrix[i * count + j] * p[j];
        sum += p[i] * q[i];
    }
    return sum;
}

static void make_matrix(const double *pairs, int64_t count, double *q) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++) {
            if (i != j)
                q[i * count + j] = -pairs[j * count + i] * pairs[i * count + j];
            for (int64_t k = 0; i == j && k < count; k++)
                q[i * count + i] += k == i ? 0 : pairs[k * count + i] * pairs[k * count + i];
        }
}

/* One round over all classes; q and p' Q p go along. */
static void improve(const double *matrix, int64_t count, double *p, double *q, double *sum) {
    for (int64_t t = 0; t < count; t++) {
        const double diagonal = matrix[t * count + t], step = diagonal != 0 ? (-q[t] + *sum) / diagonal : 0;
        const double scale = 1 + step;
        p[t] += step;
        *sum = (*sum + step * (step * diagonal + 2 * q[t])) / scale / scale;
        for (int64_t j = 0; j < count; j++) {
            q[j] = (q[j] + step * matrix[t * count + j]) / scale;
            p[j] /= scale;
        }
    }
}

void svm_couple(const double *pairs, int64_t count, double *classes, double *work) {
    double *matrix = work, *q = work + count * count;
    const double enough = 0.005 / (double)count;
    for (int64_t i = 0; i < count * count; i++)
        matrix[i] = 0;
    for (int64_t i = 0; i < count; i++)
        classes[i] = 1 / (double)count;
    make_matrix(pairs, count, matrix);
    for (int rounds = 0; rounds < 100; rounds++) {
        double sum = products(matrix, classes, count, q), most = 0;
        for (int64_t i = 0; i < count; i++)
            most = fmax(most, fabs(q[i] - sum));
        if (most < enough)
            break;
        improve(matrix, count, classes, q, &sum);
    }
}
