#include "ops/core/numbers.h"

#include "ops/core/reals.h"

double number_at(const struct tensor *tensor, int64_t i) {
    double number;
    reals_load(tensor->dtype, (const char *)tensor->data + i * (int64_t)dtype_size(tensor->dtype), &number, 1);
    return number;
}
