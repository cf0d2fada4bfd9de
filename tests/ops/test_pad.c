/* Pad against the index arithmetic of numpy.pad, one element at a time. */
#include "tests/support/movement.h"

#include <stdio.h>
#include <string.h>

static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};

/* A random problem and what its reference needs. */
struct problem {
    int mode;
    struct shape input, output;
    int64_t before[MAX_RANK], after[MAX_RANK];
};

/* Back and forth between the ends, one step at a time. */
static int64_t bounce(int64_t position, int64_t extent) {
    while (extent > 1 && (position < 0 || position >= extent))
        position = position < 0 ? -position : 2 * (extent - 1) - position;
    return extent > 1 ? position : 0;
}

static int64_t source_along(int mode, int64_t i, int64_t dim, int64_t before, int64_t after) {
    const int64_t low = before < 0 ? -before : 0, high = after < 0 ? dim + after : dim;
    int64_t position = i - before;
    if (mode == 0)
        return position >= 0 && position < dim ? position : -1;
    if (mode == 1)
        return bounce(position, dim);
    if (mode == 2)
        return position < 0 ? 0 : position >= dim ? dim - 1 : position;
    for (position -= low; position < 0;)
        position += high - low;
    return low + position % (high - low);
}

static int64_t source(const int64_t *index, void *context) {
    const struct problem *problem = context;
    int64_t from[MAX_RANK];
    for (int i = 0; i < problem->input.rank; i++) {
        from[i] = source_along(problem->mode, index[i], problem->input.dims[i], problem->before[i], problem->after[i]);
        if (from[i] < 0)
            return -1;
    }
    return ravel(&problem->input, from);
}

static struct problem random_problem(struct random *random, int mode) {
    struct problem problem = {.mode = mode, .input = random_shape(random, 0, 6)};
    problem.output = problem.input;
    for (int i = 0; i < problem.input.rank; i++) {
        const int64_t dim = problem.input.dims[i];
        if (random_int(random, 0, 1) || (dim == 0 && mode != 0))
            continue;
        const int64_t wide = random_int(random, 0, 5) == 0 && problem.input.rank < 4 ? 3 * dim : 3;
        const bool wraps = mode == 3;
        problem.before[i] = random_int(random, wraps ? (dim > 1 ? -1 : 0) : -dim - 2, wide);
        problem.after[i] = random_int(random, wraps ? (dim > 2 ? -2 : 0) : -dim - 2, wide);
        if (problem.before[i] + problem.after[i] + dim < 1) /* an axis of nothing stands elsewhere */
            problem.after[i] = 1 - problem.before[i] - dim;
        problem.output.dims[i] = dim + problem.before[i] + problem.after[i];
    }
    return problem;
}

/* The pads as a list for the axes first..rank-1. */
static int list_pads(const struct problem *problem, int first, int64_t *pads) {
    const int count = problem->input.rank - first;
    for (int i = 0; i < count; i++) {
        pads[i] = problem->before[first + i];
        pads[count + i] = problem->after[first + i];
    }
    return 2 * count;
}

static void test_random_pads(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 3000; round++) {
        struct problem problem = random_problem(&random, round % 4);
        const enum dtype dtype = movement_types[random_int(&random, 0, MOVEMENT_TYPES - 1)];
        struct tensor *data = random_tensor(&random, dtype, &problem.input);
        const struct shape one = {.rank = (int)random_int(&random, 0, 1), .dims = {1}};
        struct tensor *value = random_tensor(&random, dtype, &one);
        int64_t list[2 * MAX_RANK], axes[MAX_RANK];
        struct test_node node;
        int first = 0;
        while (first < problem.input.rank && problem.before[first] == 0 && problem.after[first] == 0)
            first++;
        const bool with_axes = random_int(&random, 0, 1) && first < problem.input.rank;
        struct tensor *pads = test_ints(list_pads(&problem, with_axes ? first : 0, list), list);
        for (int i = first; i < problem.input.rank; i++)
            axes[i - first] = random_int(&random, 0, 1) ? i : i - problem.input.rank;
        struct tensor *axes_tensor = test_ints(problem.input.rank - first, axes);
        test_node_init(&node, "Pad", with_axes ? 4 : 3, 1);
        if (problem.mode || random_int(&random, 0, 1))
            test_node_text(&node, "mode", modes[problem.mode]);
        struct tensor *output =
            evaluate_moved(&node, with_axes || problem.mode == 3 ? 19 : 11 + (int)random_int(&random, 0, 6),
                           (const struct tensor *const[]){data, pads, value, with_axes ? axes_tensor : NULL});
        check_moved(output, &problem.output, data, value->data, source, &problem);
        test_tensor_free(data);
        test_tensor_free(value);
        test_tensor_free(pads);
        test_tensor_free(axes_tensor);
    }
}

static void test_attribute_form(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    const float value = -3.5f;
    for (int round = 0; round < 300; round++) {
        struct problem problem = random_problem(&random, round % 3);
        struct tensor *data = random_tensor(&random, DTYPE_FLOAT, &problem.input);
        int64_t list[2 * MAX_RANK];
        struct test_node node;
        test_node_init(&node, "Pad", 1, 1);
        test_node_text(&node, "mode", modes[problem.mode]);
        test_node_ints(&node, "pads", list, (size_t)list_pads(&problem, 0, list));
        test_node_float(&node, "value", value);
        struct tensor *output = evaluate_moved(&node, 7 + round % 4, (const struct tensor *const[]){data});
        check_moved(output, &problem.output, data, &value, source, &problem);
        test_tensor_free(data);
    }
}

/* 1 2 3 ... with one side cut, as torch.nn.functional.pad 2.15 gives it. */
static void test_a_cut_side(void **state) {
    (void)state;
    static const struct {
        int mode, count;
        int64_t before, after;
        const char *result;
    } cases[] = {
        {1, 2, -1, 1, "2 1"},     {1, 2, 1, -1, "2 1"},           {1, 3, -1, 1, "2 3 2"},
        {1, 3, -1, 2, "2 3 2 1"}, {1, 3, 2, -1, "3 2 1 2"},       {1, 3, -2, 2, "3 2 1"},
        {1, 3, 2, -2, "3 2 1"},   {1, 3, -3, 2, "2 1"},           {1, 3, 1, -3, "2"},
        {1, 3, -1, -1, "2"},      {1, 5, -2, 4, "3 4 5 4 3 2 1"}, {1, 5, -3, 3, "4 5 4 3 2"},
        {1, 5, 3, -4, "4 3 2 1"}, {1, 5, 4, -5, "5 4 3 2"},       {1, 5, -5, 4, "4 3 2 1"},
        {2, 2, -1, 1, "2 2"},     {2, 2, -2, 3, "2 2 2"},         {2, 2, 3, -1, "1 1 1 1"},
        {2, 3, 2, -1, "1 1 1 2"}, {2, 3, -3, 4, "3 3 3 3"},       {2, 3, -4, 5, "3 3 3 3"},
        {2, 3, 1, -3, "1"},       {2, 5, 3, -4, "1 1 1 1"},       {2, 5, 4, -5, "1 1 1 1"},
        {3, 2, -1, 1, "2 2"},     {3, 3, -1, 1, "2 3 2"},         {3, 3, -1, 2, "2 3 2 3"},
        {3, 3, 2, -1, "1 2 1 2"}, {3, 5, -1, 3, "2 3 4 5 2 3 4"}, {0, 2, -1, 1, "2 0"},
        {0, 2, -2, 3, "0 0 0"},   {0, 3, 2, -2, "0 0 1"},         {0, 3, -3, 4, "0 0 0 0"},
        {0, 5, 3, -4, "0 0 0 1"}, {0, 5, -1, 3, "2 3 4 5 0 0 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensor *data = test_tensor(DTYPE_FLOAT, 1, cases[i].count);
        struct tensor *pads = test_ints(2, (const int64_t[]){cases[i].before, cases[i].after});
        struct test_node node;
        char text[64] = "";
        for (int k = 0; k < cases[i].count; k++)
            ((float *)data->data)[k] = (float)(k + 1);
        test_node_init(&node, "Pad", 2, 1);
        test_node_text(&node, "mode", modes[cases[i].mode]);
        struct tensor *output = evaluate_moved(&node, 18 + (int)i % 4, (const struct tensor *const[]){data, pads});
        for (int64_t k = 0; k < output->shape.dims[0]; k++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%g", k ? " " : "",
                     ((const float *)output->data)[k]);
        if (strcmp(text, cases[i].result) != 0)
            fail_msg("%s of %d by %d, %d: %s, expected %s", modes[cases[i].mode], cases[i].count, (int)cases[i].before,
                     (int)cases[i].after, text, cases[i].result);
        test_tensor_free(output);
        test_tensor_free(data);
        test_tensor_free(pads);
    }
}

/* value of the attribute form in the types it can have; the absent constant_value of the input form. */
static void test_values(void **state) {
    (void)state;
    static const uint16_t half = 0xBC80; /* -1.125 */
    const double wide = -1.125;
    const struct {
        enum dtype dtype;
        const void *bytes;
    } cases[] = {{DTYPE_FLOAT16, &half}, {DTYPE_DOUBLE, &wide}};
    const int64_t pads[] = {1, 1};
    struct tensor *pads_tensor = test_ints(2, pads);
    for (size_t i = 0; i < 2; i++) {
        struct tensor *data = test_tensor(cases[i].dtype, 1, 1);
        struct test_node node;
        test_node_init(&node, "Pad", 1, 1);
        test_node_ints(&node, "pads", pads, 2);
        test_node_float(&node, "value", -1.125f);
        struct tensor *output = evaluate_moved(&node, 10, (const struct tensor *const[]){data});
        assert_memory_equal(output->data, cases[i].bytes, dtype_size(cases[i].dtype));
        test_tensor_free(output);
        test_tensor_free(data);
    }
    for (int i = 0; i < MOVEMENT_TYPES; i++) {
        struct random random = random_from(test_seed() + 2);
        const struct shape shape = {.rank = 1, .dims = {1}};
        struct tensor *data = random_tensor(&random, movement_types[i], &shape);
        struct test_node node;
        test_node_init(&node, "Pad", 2, 1);
        struct tensor *output = evaluate_moved(&node, 25, (const struct tensor *const[]){data, pads_tensor});
        const unsigned char zero[16] = {0};
        if (data->dtype == DTYPE_STRING)
            assert_int_equal(((const struct text *)output->data)[2].length, 0);
        else
            assert_memory_equal((char *)output->data + 2 * dtype_size(data->dtype), zero, dtype_size(data->dtype));
        test_tensor_free(output);
        test_tensor_free(data);
    }
    test_tensor_free(pads_tensor);
}

/* Large enough for every thread and for the shapes that pictures have. */
static void test_pictures(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    for (int mode = 0; mode < 4; mode++)
        for (int last = 0; last < 2; last++) { /* channels first, channels last */
            struct problem problem = {.mode = mode};
            problem.input = last ? shape_of(4, 2, 61, 67, 16) : shape_of(4, 2, 16, 61, 67);
            problem.output = problem.input;
            for (int i = last ? 1 : 2; i < (last ? 3 : 4); i++) {
                problem.before[i] = problem.after[i] = 3;
                problem.output.dims[i] += 6;
            }
            struct tensor *data = random_tensor(&random, DTYPE_FLOAT, &problem.input);
            const struct shape scalar = {0};
            struct tensor *value = random_tensor(&random, DTYPE_FLOAT, &scalar);
            int64_t list[2 * MAX_RANK];
            struct tensor *pads = test_ints(list_pads(&problem, 0, list), list);
            struct test_node node;
            test_node_init(&node, "Pad", 3, 1);
            test_node_text(&node, "mode", modes[mode]);
            struct tensor *output = evaluate_moved(&node, 21, (const struct tensor *const[]){data, pads, value});
            check_moved(output, &problem.output, data, value->data, source, &problem);
            test_tensor_free(data);
            test_tensor_free(value);
            test_tensor_free(pads);
        }
}

/* Numbers from onnxruntime: cropping comes first, and a constant may stand where all data was cropped away. */
static void test_crops(void **state) {
    (void)state;
    static const struct {
        int mode;
        int64_t pads[2];
        int count;
        float expected[9];
    } cases[] = {
        {1, {-1, 3}, 7, {1, 2, 3, 4, 3, 2, 1}},
        {3, {-1, 2}, 6, {1, 2, 3, 4, 1, 2}},
        {3, {3, -3}, 5, {1, 0, 1, 0, 1}},
        {3, {-3, 3}, 5, {3, 4, 3, 4, 3}},
        {2, {3, -3}, 5, {0, 0, 0, 0, 1}},
        {0, {-6, 7}, 6, {9, 9, 9, 9, 9, 9}},
        {0, {3, -3}, 5, {9, 9, 9, 0, 1}},
        {0, {-5, 0}, 0, {0}},
        {1, {-5, 0}, 0, {0}},
        {0, {3, -6}, 2, {9, 9}},
    };
    struct tensor *data = test_tensor(DTYPE_FLOAT, 1, 5), *value = test_tensor(DTYPE_FLOAT, 0);
    for (int i = 0; i < 5; i++)
        ((float *)data->data)[i] = (float)i;
    *(float *)value->data = 9;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tensor *pads = test_ints(2, cases[i].pads);
        struct test_node node;
        test_node_init(&node, "Pad", 3, 1);
        test_node_text(&node, "mode", modes[cases[i].mode]);
        struct tensor *output = evaluate_moved(&node, 19, (const struct tensor *const[]){data, pads, value});
        assert_int_equal(tensor_elements(output), cases[i].count);
        assert_memory_equal(output->data, cases[i].expected, sizeof(float) * (size_t)cases[i].count);
        test_tensor_free(output);
        test_tensor_free(pads);
    }
    test_tensor_free(data);
    test_tensor_free(value);
}

static void refuse(const char *mode, const struct shape *shape, int count, const int64_t *pads, status code,
                   const char *fragment) {
    struct tensor *data = test_tensor_shape(DTYPE_FLOAT, shape), *list = test_ints(count, pads);
    struct test_node node;
    test_node_init(&node, "Pad", 2, 1);
    test_node_text(&node, "mode", mode);
    assert_status(&node, 19, (const struct tensor *const[]){data, list}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(list);
}

static void test_refusals(void **state) {
    (void)state;
    const struct shape five = {.rank = 1, .dims = {5}}, none = {.rank = 2, .dims = {2, 0}};
    refuse("constant", &five, 2, (int64_t[]){-3, -3}, STATUS_SHAPE, "-3 and -3 do not fit axis 0 of [5]");
    refuse("constant", &five, 2, (int64_t[]){INT64_MAX, 1}, STATUS_SHAPE, "do not fit");
    refuse("constant", &five, 2, (int64_t[]){INT64_MIN, INT64_MIN}, STATUS_SHAPE, "do not fit");
    for (int mode = 0; mode < 3; mode++)
        refuse(modes[mode], &five, 2, (int64_t[]){INT64_MIN, INT64_MAX}, STATUS_OK, "");
    refuse("constant", &five, 2, (int64_t[]){(int64_t)1 << 62, 0}, STATUS_LIMIT, "no valid size");
    refuse("constant", &five, 2, (int64_t[]){(int64_t)1 << 40, 0}, STATUS_LIMIT, "the limit is");
    refuse("constant", &five, 4, (int64_t[]){1, 1, 1, 1}, STATUS_INVALID_MODEL, "4 numbers, expected 2");
    refuse("reflect", &none, 4, (int64_t[]){0, 1, 0, 0}, STATUS_SHAPE, "nothing is there to repeat");
    refuse("wrap", &five, 2, (int64_t[]){-5, 2}, STATUS_SHAPE, "nothing is there to repeat");
    refuse("mirror", &five, 2, (int64_t[]){1, 1}, STATUS_UNSUPPORTED, "\"mirror\"");
}

static void test_refused_axes(void **state) {
    (void)state;
    const int64_t list[] = {1, 1, 1, 1}, twice[] = {0, -2}, far[] = {0, 2};
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 2), *pads = test_ints(4, list);
    struct tensor *twice_axes = test_ints(2, twice), *far_axes = test_ints(2, far);
    struct tensor *pair = test_tensor(DTYPE_FLOAT, 1, 2), *wrong = test_tensor(DTYPE_INT64, 0);
    struct test_node node;
    test_node_init(&node, "Pad", 4, 1);
    assert_status(&node, 18, (const struct tensor *const[]){data, pads, NULL, twice_axes}, STATUS_INVALID_MODEL,
                  "axes[1] is -2");
    assert_status(&node, 18, (const struct tensor *const[]){data, pads, NULL, far_axes}, STATUS_INVALID_MODEL,
                  "axes[1] is 2");
    assert_status(&node, 18, (const struct tensor *const[]){data, pads, pair, NULL}, STATUS_SHAPE, "constant_value");
    assert_status(&node, 18, (const struct tensor *const[]){data, pads, wrong, NULL}, STATUS_INVALID_MODEL, "int64");
    struct test_node wrap;
    test_node_init(&wrap, "Pad", 2, 1);
    test_node_text(&wrap, "mode", "wrap");
    assert_status(&wrap, 17, (const struct tensor *const[]){data, pads}, STATUS_UNSUPPORTED, "\"wrap\"");
    test_tensor_free(data);
    test_tensor_free(pads);
    test_tensor_free(twice_axes);
    test_tensor_free(far_axes);
    test_tensor_free(pair);
    test_tensor_free(wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_pads), cmocka_unit_test(test_attribute_form),
                                       cmocka_unit_test(test_a_cut_side),  cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_pictures),    cmocka_unit_test(test_crops),
                                       cmocka_unit_test(test_refusals),    cmocka_unit_test(test_refused_axes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
