/* Gather, GatherElements, GatherND against their definitions, one element at a time. */
#include "tests/support/movement.h"

#include <string.h>

struct gather {
    struct shape data, indices;
    const struct tensor *list;
    int axis, batch_dims;
};

static int64_t index_at(const struct gather *gather, int64_t i, int64_t size) {
    const int64_t index = gather->list->dtype == DTYPE_INT64 ? ((const int64_t *)gather->list->data)[i]
                                                             : ((const int32_t *)gather->list->data)[i];
    return index < 0 ? index + size : index;
}

static void set_index(struct tensor *list, int64_t i, int64_t index) {
    if (list->dtype == DTYPE_INT64)
        ((int64_t *)list->data)[i] = index;
    else
        ((int32_t *)list->data)[i] = (int32_t)index;
}

/* Indices into an axis of this size, negative ones among them. */
static struct tensor *random_indices(struct random *random, const struct shape *shape, int64_t size, bool wide) {
    struct tensor *list = test_tensor_shape(wide ? DTYPE_INT64 : DTYPE_INT32, shape);
    for (int64_t i = 0; i < tensor_elements(list); i++)
        set_index(list, i, random_int(random, -size, size - 1));
    return list;
}

/* ---- Gather ---- */

static int64_t gathered(const int64_t *index, void *context) {
    const struct gather *g = context;
    int64_t from[MAX_RANK];
    for (int i = 0; i < g->axis; i++)
        from[i] = index[i];
    from[g->axis] = index_at(g, ravel(&g->indices, index + g->axis), g->data.dims[g->axis]);
    for (int i = g->axis + 1; i < g->data.rank; i++)
        from[i] = index[i - 1 + g->indices.rank];
    return ravel(&g->data, from);
}

static void test_gather(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 1000; round++) {
        struct gather g = {.data = random_shape(&random, 1, 4), .indices = random_shape(&random, 0, 4)};
        g.axis = (int)random_int(&random, 0, g.data.rank - 1);
        if (g.data.dims[g.axis] == 0)
            g.data.dims[g.axis] = 1;
        struct shape expected = {0};
        for (int i = 0; i < g.axis; i++)
            expected.dims[expected.rank++] = g.data.dims[i];
        for (int i = 0; i < g.indices.rank; i++)
            expected.dims[expected.rank++] = g.indices.dims[i];
        for (int i = g.axis + 1; i < g.data.rank; i++)
            expected.dims[expected.rank++] = g.data.dims[i];
        if (shape_elements(&expected) > 1000000)
            continue;
        struct tensor *data = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &g.data);
        struct tensor *list = random_indices(&random, &g.indices, g.data.dims[g.axis], round % 3);
        struct test_node node;
        g.list = list;
        test_node_init(&node, "Gather", 2, 1);
        if (g.axis || round % 2)
            test_node_int(&node, "axis", round % 4 ? g.axis : g.axis - g.data.rank);
        check_moved(evaluate_moved(&node, 7 + round % 20, (const struct tensor *const[]){data, list}), &expected, data,
                    NULL, gathered, &g);
        test_tensor_free(data);
        test_tensor_free(list);
    }
}

/* ---- GatherElements ---- */

static int64_t gathered_element(const int64_t *index, void *context) {
    const struct gather *g = context;
    int64_t from[MAX_RANK];
    memcpy(from, index, sizeof from);
    from[g->axis] = index_at(g, ravel(&g->indices, index), g->data.dims[g->axis]);
    return ravel(&g->data, from);
}

static void test_gather_elements(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < 1000; round++) {
        struct gather g = {.data = random_shape(&random, 1, 6)};
        g.indices = g.data;
        g.axis = (int)random_int(&random, 0, g.data.rank - 1);
        if (g.data.dims[g.axis] == 0)
            g.data.dims[g.axis] = 1;
        for (int i = 0; i < g.data.rank; i++)
            if (i == g.axis || round % 2)
                g.indices.dims[i] = i == g.axis ? random_int(&random, 0, 7) : random_int(&random, 0, g.data.dims[i]);
        struct tensor *data = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &g.data);
        struct tensor *list = random_indices(&random, &g.indices, g.data.dims[g.axis], round % 3);
        struct test_node node;
        g.list = list;
        test_node_init(&node, "GatherElements", 2, 1);
        test_node_int(&node, "axis", round % 4 ? g.axis : g.axis - g.data.rank);
        check_moved(evaluate_moved(&node, 11 + round % 10, (const struct tensor *const[]){data, list}), &g.indices,
                    data, NULL, gathered_element, &g);
        test_tensor_free(data);
        test_tensor_free(list);
    }
}

/* ---- GatherND ---- */

static int64_t gathered_tuple(const int64_t *index, void *context) {
    const struct gather *g = context;
    const int outer = g->indices.rank - 1, tuple = (int)g->indices.dims[outer];
    struct shape places = g->indices;
    places.rank = outer;
    const int64_t place = ravel(&places, index);
    int64_t from[MAX_RANK];
    for (int i = 0; i < g->data.rank; i++) {
        if (i < g->batch_dims)
            from[i] = index[i];
        else if (i < g->batch_dims + tuple)
            from[i] = index_at(g, place * tuple + i - g->batch_dims, g->data.dims[i]);
        else
            from[i] = index[outer + i - g->batch_dims - tuple];
    }
    return ravel(&g->data, from);
}

static void test_gather_nd(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 1000; round++) {
        struct gather g = {.data = random_shape(&random, 1, 5)};
        const bool batches = round % 2 && g.data.rank > 1;
        g.batch_dims = batches ? (int)random_int(&random, 0, g.data.rank - 1) : 0;
        const int tuple = (int)random_int(&random, 1, g.data.rank - g.batch_dims);
        const int extra = (int)random_int(&random, 0, 2);
        struct shape expected = {0};
        for (int i = 0; i < g.batch_dims + extra; i++)
            expected.dims[expected.rank++] = i < g.batch_dims ? g.data.dims[i] : random_int(&random, 0, 4);
        for (int i = g.batch_dims; i < g.batch_dims + tuple; i++)
            g.data.dims[i] += g.data.dims[i] == 0;
        g.indices = expected;
        g.indices.dims[g.indices.rank++] = tuple;
        for (int i = g.batch_dims + tuple; i < g.data.rank; i++)
            expected.dims[expected.rank++] = g.data.dims[i];
        struct tensor *data = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &g.data);
        struct tensor *list = test_tensor_shape(DTYPE_INT64, &g.indices);
        for (int64_t i = 0; i < tensor_elements(list); i++) {
            const int64_t size = g.data.dims[g.batch_dims + i % tuple];
            set_index(list, i, random_int(&random, -size, size - 1));
        }
        struct test_node node;
        g.list = list;
        test_node_init(&node, "GatherND", 2, 1);
        if (batches)
            test_node_int(&node, "batch_dims", g.batch_dims);
        check_moved(evaluate_moved(&node, batches ? 12 : 11, (const struct tensor *const[]){data, list}), &expected,
                    data, NULL, gathered_tuple, &g);
        test_tensor_free(data);
        test_tensor_free(list);
    }
}

/* ---- refusals ---- */

static void refuse(const char *op, int64_t axis, const struct tensor *data, const struct shape *shape, int64_t index,
                   status code, const char *fragment) {
    struct tensor *list = test_tensor_shape(DTYPE_INT64, shape);
    struct test_node node;
    test_node_init(&node, op, 2, 1);
    test_node_int(&node, strcmp(op, "GatherND") ? "axis" : "batch_dims", axis);
    if (tensor_elements(list))
        set_index(list, tensor_elements(list) - 1, index);
    assert_status(&node, 13, (const struct tensor *const[]){data, list}, code, fragment);
    test_tensor_free(list);
}

static void test_refusals(void **state) {
    (void)state;
    const struct shape three = shape_of(1, 3), pairs = shape_of(2, 2, 2), long_pairs = shape_of(2, 1, 4),
                       triples = shape_of(2, 2, 3), deep = shape_of(8, 1, 1, 1, 1, 1, 1, 1, 1),
                       nothing = shape_of(1, 0);
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 3), *none = test_tensor(DTYPE_FLOAT, 2, 2, 0);
    refuse("Gather", 1, data, &three, 3, STATUS_INVALID_ARGUMENT,
           "index 3 (number 2 in input 1) is not in -3..2, axis 1 of [2,3]");
    refuse("Gather", 0, data, &three, INT64_MIN, STATUS_INVALID_ARGUMENT, "index -9223372036854775808");
    refuse("Gather", 1, none, &three, 0, STATUS_INVALID_ARGUMENT, "which is empty");
    refuse("Gather", 1, none, &nothing, 0, STATUS_OK, "");
    refuse("Gather", 2, data, &three, 0, STATUS_INVALID_MODEL, "axis is 2");
    refuse("Gather", 0, data, &deep, 0, STATUS_LIMIT, "more than 8 dimensions");
    refuse("GatherElements", 0, data, &three, 0, STATUS_SHAPE, "[3]");
    refuse("GatherElements", 0, data, &long_pairs, 0, STATUS_SHAPE, "[1,4], expected at most [2,3]");
    refuse("GatherElements", 1, data, &long_pairs, -4, STATUS_INVALID_ARGUMENT, "index -4 (number 3");
    refuse("GatherND", 0, data, &pairs, 3, STATUS_INVALID_ARGUMENT, "index 3 (number 3 in input 1) is not in -3..2");
    refuse("GatherND", 0, data, &triples, 0, STATUS_SHAPE, "does not index [2,3]");
    refuse("GatherND", 2, data, &pairs, 0, STATUS_SHAPE, "with 2 batch dimensions");
    refuse("GatherND", INT64_MAX, data, &pairs, 0, STATUS_SHAPE, "batch dimensions");
    refuse("GatherND", -1, data, &pairs, 0, STATUS_INVALID_MODEL, "is -1");
    refuse("GatherND", 0, data, &nothing, 0, STATUS_SHAPE, "does not index");
    test_tensor_free(data);
    test_tensor_free(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gather), cmocka_unit_test(test_gather_elements),
                                       cmocka_unit_test(test_gather_nd), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
