#include "tools/engine/compare_value.h"

#include "tools/engine/engine.h"
#include "tools/engine/values.h"
#include "tools/files/element.h"

#include <math.h>

static status compare_tensor(const limner_tensor *output, const limner_tensor *wanted,
                             const struct tolerance *tolerance, double *worst, struct error *err) {
    const struct tensor actual = engine_view(output), expected = engine_view(wanted);
    char place[SHAPE_TEXT_BYTES], shape[SHAPE_TEXT_BYTES], left[ELEMENT_TEXT_BYTES], right[ELEMENT_TEXT_BYTES];
    if (difference_check_kind(&actual, &expected, err))
        return err->code;
    const struct difference result = difference_measure(&actual, &expected, tolerance);
    if (element_is_float(actual.dtype) && difference_part(&result) > *worst)
        *worst = difference_part(&result);
    if (!result.outside)
        return STATUS_OK;
    fail(err, STATUS_INVALID_ARGUMENT, "%s %s: %zu of %zu elements differ", dtype_name(actual.dtype),
         shape_text(&actual.shape, shape), result.outside, result.elements);
    if (dtype_size(actual.dtype))
        error_append(err, ", the first at %s: limner %s, expected %s", index_text(&actual.shape, result.first, place),
                     element_text(&actual, result.first, left), element_text(&expected, result.first, right));
    if (element_is_float(actual.dtype))
        error_append(err, "; largest error %.3g at %s", result.largest, index_text(&actual.shape, result.worst, place));
    if (element_is_float(actual.dtype) && isfinite(result.largest))
        error_append(err, ", %.2g of the largest number expected", difference_part(&result));
    if (element_is_float(actual.dtype))
        error_append(err, " (allowed: %.3g + %g x expected)", result.allowed.absolute, result.allowed.relative);
    return err->code;
}

status compare_value(const limner_tensor *output, const limner_tensor *wanted, const struct tolerance *tolerance,
                     double *worst, struct error *err) {
    const limner_tensor *items = output->data, *expected = wanted->data;
    if (value_kind(wanted->type) == DTYPE_UNDEFINED && value_kind(output->type) == DTYPE_UNDEFINED)
        return compare_tensor(output, wanted, tolerance, worst, err);
    if (output->type != wanted->type || output->dims[0] != wanted->dims[0])
        return fail(err, STATUS_SHAPE, "limner gives a %s of %lld, expected is a %s of %lld",
                    limner_type_name(output->type), (long long)output->dims[0], limner_type_name(wanted->type),
                    (long long)wanted->dims[0]);
    for (int64_t i = 0; i < output->dims[0]; i++)
        if (compare_value(&items[i], &expected[i], tolerance, worst, err) != STATUS_OK)
            return fail_prefix(err, "item %lld", (long long)i);
    return STATUS_OK;
}
