/* Slice against Python's rule for slices with the specification's clamping, one element at a time. */
#include "tests/support/movement.h"

#include <string.h>

struct slice {
    struct shape input, output;
    int count; /* of entries */
    int64_t axes[MAX_RANK], starts[MAX_RANK], ends[MAX_RANK], steps[MAX_RANK];
    int64_t first[MAX_RANK], step[MAX_RANK]; /* per axis of the input */
};

static int64_t sliced(const int64_t *index, void *context) {
    const struct slice *slice = context;
    int64_t from[MAX_RANK];
    for (int i = 0; i < slice->input.rank; i++)
        from[i] = slice->first[i] + index[i] * slice->step[i];
    return ravel(&slice->input, from);
}

/* Walks along the axis as a loop would. */
static void resolve(struct slice *slice, int entry, int axis) {
    const int64_t dim = slice->input.dims[axis], step = slice->steps[entry];
    int64_t start = slice->starts[entry], end = slice->ends[entry], count = 0;
    start = start < -dim ? 0 : start < 0 ? start + dim : start;
    end = end < -dim ? (step < 0 ? -1 : 0) : end < 0 ? end + dim : end;
    if (step < 0)
        start = start > dim - 1 ? dim - 1 : start;
    if (step > 0)
        end = end > dim ? dim : end;
    if (dim)
        for (int64_t i = start; step > 0 ? i < end : i > end; i += step) {
            count++;
            if (step > dim || step < -dim)
                break;
        }
    slice->first[axis] = start;
    slice->step[axis] = count > 1 ? step : 0;
    slice->output.dims[axis] = count;
}

static int64_t random_bound(struct random *random, int64_t dim) {
    static const int64_t extremes[] = {INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, INT64_MAX - 1, -INT64_MAX};
    return random_int(random, 0, 5) ? random_int(random, -dim - 2, dim + 2) : extremes[random_int(random, 0, 5)];
}

static struct slice random_slice(struct random *random, bool steps) {
    struct slice slice = {.input = random_shape(random, 0, 6)};
    slice.output = slice.input;
    for (int i = 0; i < slice.input.rank; i++) {
        slice.step[i] = 1;
        if (random_int(random, 0, 1))
            continue;
        const int n = slice.count++;
        slice.axes[n] = i;
        slice.starts[n] = random_bound(random, slice.input.dims[i]);
        slice.ends[n] = random_bound(random, slice.input.dims[i]);
        slice.steps[n] = 1;
        while (steps && ((slice.steps[n] = random_int(random, -3, 3)) == 0))
            continue;
        if (steps && random_int(random, 0, 20) == 0)
            slice.steps[n] = random_int(random, 0, 1) ? INT64_MIN : INT64_MAX;
        resolve(&slice, n, i);
        if (random_int(random, 0, 1))
            slice.axes[n] -= slice.input.rank;
    }
    return slice;
}

static void test_random_slices(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 2000; round++) {
        struct slice slice = random_slice(&random, true);
        struct tensor *data = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &slice.input);
        struct tensor *starts = test_ints(slice.count, slice.starts), *ends = test_ints(slice.count, slice.ends);
        struct tensor *axes = test_ints(slice.count, slice.axes), *steps = test_ints(slice.count, slice.steps);
        struct test_node node;
        test_node_init(&node, "Slice", 5, 1);
        struct tensor *output =
            evaluate_moved(&node, 10 + round % 15, (const struct tensor *const[]){data, starts, ends, axes, steps});
        check_moved(output, &slice.output, data, NULL, sliced, &slice);
        test_tensor_free(data);
        test_tensor_free(starts);
        test_tensor_free(ends);
        test_tensor_free(axes);
        test_tensor_free(steps);
    }
}

static void test_attribute_form(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < 500; round++) {
        struct slice slice = random_slice(&random, false);
        struct tensor *data = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &slice.input);
        struct test_node node;
        test_node_init(&node, "Slice", 1, 1);
        test_node_ints(&node, "starts", slice.starts, (size_t)slice.count);
        test_node_ints(&node, "ends", slice.ends, (size_t)slice.count);
        test_node_ints(&node, "axes", slice.axes, (size_t)slice.count);
        struct tensor *output = evaluate_moved(&node, 7 + round % 3, (const struct tensor *const[]){data});
        check_moved(output, &slice.output, data, NULL, sliced, &slice);
        test_tensor_free(data);
    }
}

/* Without axes and steps, with int32 lists. */
static void test_defaults(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    struct slice slice = {
        .input = shape_of(3, 4, 5, 6), .output = shape_of(3, 2, 4, 6), .first = {1, 1, 0}, .step = {1, 1, 1}};
    struct tensor *data = random_tensor(&random, DTYPE_FLOAT, &slice.input);
    struct tensor *starts = test_tensor(DTYPE_INT32, 1, 2), *ends = test_tensor(DTYPE_INT32, 1, 2);
    memcpy(starts->data, (int32_t[]){1, -4}, 8);
    memcpy(ends->data, (int32_t[]){-1, INT32_MAX}, 8);
    struct test_node node;
    test_node_init(&node, "Slice", 3, 1);
    struct tensor *output = evaluate_moved(&node, 13, (const struct tensor *const[]){data, starts, ends});
    check_moved(output, &slice.output, data, NULL, sliced, &slice);
    test_tensor_free(data);
    test_tensor_free(starts);
    test_tensor_free(ends);
}

static void refuse(int starts, int ends, int axes, int64_t axis, int64_t step, status code, const char *fragment) {
    const int64_t zeros[9] = {0}, list[3] = {0, axis, 1}, steps[3] = {1, step, 1};
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 5), *s = test_ints(starts, zeros), *e = test_ints(ends, zeros),
                  *a = test_ints(axes, list), *t = test_ints(axes, steps);
    struct test_node node;
    test_node_init(&node, "Slice", 5, 1);
    assert_status(&node, 13, (const struct tensor *const[]){data, s, e, a, t}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(s);
    test_tensor_free(e);
    test_tensor_free(a);
    test_tensor_free(t);
}

static void test_refusals(void **state) {
    (void)state;
    refuse(2, 2, 2, 1, 0, STATUS_INVALID_MODEL, "steps[1] is 0");
    refuse(2, 2, 2, 0, 1, STATUS_INVALID_MODEL, "axes[1] is 0, an axis that is there already");
    refuse(2, 2, 2, -2, 1, STATUS_INVALID_MODEL, "axes[1] is -2");
    refuse(2, 2, 2, 2, 1, STATUS_INVALID_MODEL, "axes[1] is 2, expected -2..1");
    refuse(2, 2, 2, INT64_MIN, 1, STATUS_INVALID_MODEL, "axes[1] is -9223372036854775808");
    refuse(2, 1, 2, 1, 1, STATUS_INVALID_MODEL, "2 starts, 1 ends, 2 axes, 2 steps");
    refuse(2, 2, 1, 1, 1, STATUS_INVALID_MODEL, "2 starts, 2 ends, 1 axes, 1 steps");
    refuse(3, 3, 3, 1, 1, STATUS_INVALID_MODEL, "for input 0 of rank 2");
    refuse(9, 9, 3, 1, 1, STATUS_LIMIT, "at most 8");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_slices), cmocka_unit_test(test_attribute_form),
                                       cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
