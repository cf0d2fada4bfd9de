#include "tools/engine/difference.h"

#include "tools/files/element.h"

#include <math.h>
#include <string.h>

static double error_of(double actual, double expected) {
    if (actual == expected || (isnan(actual) && isnan(expected)))
        return 0;
    const double error = fabs(actual - expected);
    return isnan(error) ? INFINITY : error;
}

/* Element i is apart although doubles may not show it: integers of 64 bits, text, and unknown types. */
static bool bytes_differ(const struct tensor *actual, const struct tensor *expected, size_t i) {
    const size_t size = dtype_size(expected->dtype);
    if (expected->dtype == DTYPE_STRING) {
        const struct text *a = (const struct text *)actual->data + i, *b = (const struct text *)expected->data + i;
        return a->length != b->length || memcmp(a->bytes, b->bytes, a->length) != 0;
    }
    return memcmp((const char *)actual->data + i * size, (const char *)expected->data + i * size, size) != 0;
}

static bool differ(const struct tensor *actual, const struct tensor *expected, size_t i, double error, double value,
                   const struct tolerance *tolerance) {
    if (expected->dtype == DTYPE_INT8 || expected->dtype == DTYPE_UINT8)
        return error > tolerance->steps;
    if (!element_is_float(expected->dtype))
        return bytes_differ(actual, expected, i);
    return error > 0 &&
           (isinf(error) || isinf(value) || error > tolerance->absolute + tolerance->relative * fabs(value));
}

/* Types below a byte have no elements that can be pointed at: bytes stand for them. */
static struct difference compare_bytes(const struct tensor *actual, const struct tensor *expected) {
    struct difference result = {.elements = (size_t)tensor_elements(expected), .low = NAN, .high = NAN};
    for (size_t i = 0; i < expected->bytes; i++)
        if (((const char *)actual->data)[i] != ((const char *)expected->data)[i])
            result.outside++;
    return result;
}

static double largest_of(const struct difference *result) {
    const double largest = fmax(fabs(result->low), fabs(result->high));
    return largest > 0 ? largest : 1;
}

double difference_part(const struct difference *difference) {
    return difference->largest / largest_of(difference);
}

/* Two steps between neighbouring numbers of the type near 1. */
static double steps_of(enum dtype dtype) {
    return dtype == DTYPE_FLOAT16 ? 0x1p-9 : dtype == DTYPE_BFLOAT16 ? 0x1p-6 : 0;
}

static void find_range(const struct tensor *expected, size_t count, struct difference *result) {
    for (size_t i = 0; i < count && element_is_number(expected->dtype); i++) {
        const double value = element_get(expected->dtype, expected->data, i);
        if (isfinite(value)) {
            result->low = fmin(result->low, value);
            result->high = fmax(result->high, value);
        }
    }
}

static struct tolerance allowed_for(const struct difference *result, enum dtype dtype,
                                    const struct tolerance *tolerance) {
    if (tolerance->absolute >= 0)
        return *tolerance;
    return (struct tolerance){fmax(tolerance->relative, steps_of(dtype)), DIFFERENCE_PART * largest_of(result),
                              tolerance->steps};
}

struct difference difference_measure(const struct tensor *actual, const struct tensor *expected,
                                     const struct tolerance *tolerance) {
    if (!dtype_size(expected->dtype))
        return compare_bytes(actual, expected);
    const size_t parts = element_is_complex(expected->dtype) ? 2 : 1;
    const size_t count = (size_t)tensor_elements(expected) * parts;
    const bool number = element_is_number(expected->dtype);
    struct difference result = {.elements = count / parts, .low = NAN, .high = NAN};
    double sum = 0;
    find_range(expected, count, &result);
    result.allowed = allowed_for(&result, expected->dtype, tolerance);
    for (size_t i = 0; i < count; i++) {
        const double a = number ? element_get(actual->dtype, actual->data, i) : 0;
        const double b = number ? element_get(expected->dtype, expected->data, i) : 0;
        const double error = error_of(a, b);
        if (differ(actual, expected, i, error, b, &result.allowed) && !result.outside++)
            result.first = i / parts;
        if (error > result.largest) {
            result.largest = error;
            result.worst = i / parts;
        }
        sum += error;
    }
    result.mean = count ? sum / (double)count : 0;
    return result;
}

status difference_check_kind(const struct tensor *actual, const struct tensor *expected, struct error *err) {
    char first[SHAPE_TEXT_BYTES], second[SHAPE_TEXT_BYTES];
    if (actual->dtype == expected->dtype && shape_equal(&actual->shape, &expected->shape))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "limner gives %s %s, expected is %s %s", dtype_name(actual->dtype),
                shape_text(&actual->shape, first), dtype_name(expected->dtype), shape_text(&expected->shape, second));
}
