/* Transpose, Expand, Tile, Concat, Split, DepthToSpace, SpaceToDepth against index arithmetic. */
#include "tests/support/movement.h"

#include <stdlib.h>
#include <string.h>

static enum dtype random_type(struct random *random) {
    return movement_types[random_int(random, 0, MOVEMENT_TYPES - 1)];
}

/* ---- Transpose ---- */

struct transposition {
    struct shape input;
    int64_t perm[MAX_RANK];
};

static int64_t transposed(const int64_t *index, void *context) {
    const struct transposition *t = context;
    int64_t from[MAX_RANK];
    for (int i = 0; i < t->input.rank; i++)
        from[t->perm[i]] = index[i];
    return ravel(&t->input, from);
}

static void check_transpose(struct random *random, const struct shape *shape, bool reversed) {
    struct transposition t = {.input = *shape};
    struct shape expected = *shape;
    struct tensor *data = random_tensor(random, random_type(random), shape);
    struct test_node node;
    for (int i = 0; i < shape->rank; i++)
        t.perm[i] = reversed ? shape->rank - 1 - i : i;
    for (int i = shape->rank - 1; i > 0 && !reversed; i--) {
        const int64_t j = random_int(random, 0, i), other = t.perm[j];
        t.perm[j] = t.perm[i];
        t.perm[i] = other;
    }
    for (int i = 0; i < shape->rank; i++)
        expected.dims[i] = shape->dims[t.perm[i]];
    test_node_init(&node, "Transpose", 1, 1);
    if (!reversed)
        test_node_ints(&node, "perm", t.perm, (size_t)shape->rank);
    struct tensor *output = evaluate_moved(&node, 13, (const struct tensor *const[]){data});
    check_moved(output, &expected, data, NULL, transposed, &t);
    test_tensor_free(data);
}

/* Longer than vectors and cache lines are, and of odd lengths. */
static struct shape sides(struct random *random, int rank, int64_t most) {
    struct shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = random_int(random, 1, random_int(random, 0, 1) ? most : 5);
    return shape;
}

static void test_transpose(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 1000; round++) {
        const struct shape shape = random_shape(&random, 0, round % 50 ? 6 : 8);
        check_transpose(&random, &shape, round % 8 == 0);
    }
    for (int round = 0; round < 20; round++) {
        const struct shape shape = shape_of(4, 2, (int)random_int(&random, 1, 40), 33, (int)random_int(&random, 1, 70));
        check_transpose(&random, &shape, false);
    }
    for (int round = 0; round < 30; round++) {
        const struct shape shape = sides(&random, 3, 90);
        check_transpose(&random, &shape, false);
    }
}

static void test_transpose_refusals(void **state) {
    (void)state;
    static const struct {
        int count;
        int64_t perm[3];
        const char *fragment;
    } cases[] = {{1, {0}, "has 1 numbers, input 0 has rank 2"},
                 {2, {0, 0}, "holds axis 0 twice"},
                 {2, {0, 2}, "perm is 2"},
                 {2, {INT64_MIN, 0}, "perm is -9223372036854775808"}};
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 3), *packed = test_tensor(DTYPE_INT4, 2, 2, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_node node;
        test_node_init(&node, "Transpose", 1, 1);
        test_node_ints(&node, "perm", cases[i].perm, (size_t)cases[i].count);
        assert_status(&node, 13, (const struct tensor *const[]){data}, STATUS_INVALID_MODEL, cases[i].fragment);
    }
    struct test_node node;
    test_node_init(&node, "Transpose", 1, 1);
    assert_status(&node, 21, (const struct tensor *const[]){packed}, STATUS_UNSUPPORTED, "int4");
    test_tensor_free(data);
    test_tensor_free(packed);
}

/* ---- Expand and Tile ---- */

static int64_t repeated(const int64_t *index, void *context) {
    const struct shape *input = ((const struct shape *const *)context)[0],
                       *output = ((const struct shape *const *)context)[1];
    int64_t from[MAX_RANK];
    for (int i = 0; i < input->rank; i++)
        from[i] = index[output->rank - input->rank + i] % input->dims[i];
    return ravel(input, from);
}

static void test_expand(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < 1040; round++) {
        struct shape expected = round < 1000 ? random_shape(&random, 0, 6) : sides(&random, 3, 50);
        struct shape input = {0}, target = {0};
        const int input_rank = (int)random_int(&random, 0, expected.rank);
        const int target_rank =
            input_rank == expected.rank ? (int)random_int(&random, 0, expected.rank) : expected.rank;
        for (int i = 0; i < expected.rank; i++) {
            const bool in_input = i >= expected.rank - input_rank, in_target = i >= expected.rank - target_rank;
            int64_t asked = in_target ? expected.dims[i] : 1, size = in_input ? expected.dims[i] : 1;
            if (in_input && in_target && random_int(&random, 0, 1))
                *(random_int(&random, 0, 1) ? &asked : &size) = 1;
            if (in_input)
                input.dims[input.rank++] = size;
            if (in_target)
                target.dims[target.rank++] = asked;
        }
        struct tensor *data = random_tensor(&random, random_type(&random), &input);
        struct tensor *shape = test_ints(target.rank, target.dims);
        struct test_node node;
        test_node_init(&node, "Expand", 2, 1);
        struct tensor *output = evaluate_moved(&node, 8, (const struct tensor *const[]){data, shape});
        check_moved(output, &expected, data, NULL, repeated, (const struct shape *[]){&input, &expected});
        test_tensor_free(data);
        test_tensor_free(shape);
    }
}

static void test_tile(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 1040; round++) {
        const bool small = round < 1000;
        struct shape input = small ? random_shape(&random, 0, round % 20 ? 5 : 8) : sides(&random, 3, 30);
        struct shape expected = input;
        int64_t repeats[MAX_RANK];
        for (int i = 0; i < input.rank; i++) {
            repeats[i] = random_int(&random, random_int(&random, 0, 30) ? 1 : 0, input.rank > 3 ? 2 : 4);
            expected.dims[i] *= repeats[i];
        }
        struct tensor *data = random_tensor(&random, random_type(&random), &input);
        struct tensor *list = test_ints(input.rank, repeats);
        struct test_node node;
        test_node_init(&node, "Tile", 2, 1);
        struct tensor *output = evaluate_moved(&node, 13, (const struct tensor *const[]){data, list});
        check_moved(output, &expected, data, NULL, repeated, (const struct shape *[]){&input, &expected});
        test_tensor_free(data);
        test_tensor_free(list);
    }
}

static void refuse_list(const char *op, int count, const int64_t *list, status code, const char *fragment) {
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 3), *ints = test_ints(count, list);
    struct test_node node;
    test_node_init(&node, op, 2, 1);
    assert_status(&node, 13, (const struct tensor *const[]){data, ints}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(ints);
}

static void test_repeat_refusals(void **state) {
    (void)state;
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    refuse_list("Expand", 2, (int64_t[]){4, 3}, STATUS_SHAPE, "cannot expand [2,3] to [4,3]");
    refuse_list("Expand", 2, (int64_t[]){0, 3}, STATUS_SHAPE, "cannot expand [2,3] to [0,3]");
    refuse_list("Expand", 3, (int64_t[]){-1, 2, 3}, STATUS_SHAPE, "cannot expand [2,3] to [-1,2,3]");
    refuse_list("Expand", 3, (int64_t[]){INT64_MAX, 2, 3}, STATUS_LIMIT, "no valid size");
    refuse_list("Expand", 3, (int64_t[]){(int64_t)1 << 40, 1, 1}, STATUS_LIMIT, "the limit is");
    refuse_list("Expand", 9, nine, STATUS_LIMIT, "at most 8");
    refuse_list("Tile", 1, (int64_t[]){4}, STATUS_SHAPE, "has 1 numbers for input 0 of shape [2,3]");
    refuse_list("Tile", 2, (int64_t[]){1, -1}, STATUS_SHAPE, "repeats[1] is -1");
    refuse_list("Tile", 2, (int64_t[]){1, INT64_MAX}, STATUS_LIMIT, "too large");
    refuse_list("Tile", 2, (int64_t[]){(int64_t)1 << 40, 1}, STATUS_LIMIT, "the limit is");
}

/* ---- Concat and Split ---- */

/* Pieces of one tensor along an axis. */
struct pieces {
    struct shape whole;
    int axis, count;
    int64_t sizes[8], start;
};

static struct pieces random_pieces(struct random *random) {
    struct pieces pieces = {.whole = random_shape(random, 1, 6), .count = (int)random_int(random, 1, 8)};
    pieces.axis = (int)random_int(random, 0, pieces.whole.rank - 1);
    pieces.whole.dims[pieces.axis] = 0;
    for (int i = 0; i < pieces.count; i++) {
        pieces.sizes[i] = random_int(random, 0, random_int(random, 0, 9) ? 5 : 500);
        pieces.whole.dims[pieces.axis] += pieces.sizes[i];
    }
    return pieces;
}

static int64_t piece_source(const int64_t *index, void *context) {
    const struct pieces *pieces = context;
    int64_t from[MAX_RANK];
    memcpy(from, index, sizeof from);
    from[pieces->axis] += pieces->start;
    return ravel(&pieces->whole, from);
}

static struct shape piece_shape(const struct pieces *pieces, int i) {
    struct shape shape = pieces->whole;
    shape.dims[pieces->axis] = pieces->sizes[i];
    return shape;
}

/* The pieces cut from the whole by Split, then put together again by Concat. */
static void check_pieces(struct random *random, struct pieces *pieces, const struct test_node *split, int opset,
                         const struct tensor *sizes) {
    struct tensor *whole = random_tensor(random, random_type(random), &pieces->whole);
    struct tensor parts[8], *wanted[8];
    const struct tensor *inputs[8];
    for (int i = 0; i < 8; i++) {
        wanted[i] = random_int(random, 0, 9) ? &parts[i] : NULL;
        inputs[i] = &parts[i];
    }
    bool all = true;
    wanted[0] = &parts[0];
    test_evaluate(split, opset, (const struct tensor *const[]){whole, sizes}, wanted);
    pieces->start = 0;
    for (int i = 0; i < pieces->count; i++) {
        const struct shape shape = piece_shape(pieces, i);
        if (wanted[i]) {
            struct tensor *copy = malloc(sizeof *copy);
            assert_non_null(copy);
            *copy = parts[i];
            copy->data = malloc(copy->bytes + 1);
            memcpy(copy->data, parts[i].data, copy->bytes);
            check_moved(copy, &shape, whole, NULL, piece_source, pieces);
        }
        all = all && wanted[i];
        pieces->start += pieces->sizes[i];
    }
    if (all) {
        struct test_node concat;
        test_node_init(&concat, "Concat", pieces->count, 1);
        test_node_int(&concat, "axis", random_int(random, 0, 1) ? pieces->axis : pieces->axis - pieces->whole.rank);
        struct tensor *output = evaluate_moved(&concat, 13, inputs);
        assert_true(shape_equal(&output->shape, &whole->shape));
        assert_memory_equal(output->data, whole->data, whole->bytes);
        test_tensor_free(output);
    }
    for (int i = 0; i < pieces->count; i++)
        if (wanted[i])
            free(parts[i].data);
    test_tensor_free(whole);
}

static void test_split_and_concat(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    for (int round = 0; round < 1000; round++) {
        struct pieces pieces = random_pieces(&random);
        struct tensor *sizes = test_ints(pieces.count, pieces.sizes);
        struct test_node split;
        const bool input = round % 2;
        test_node_init(&split, "Split", input ? 2 : 1, pieces.count);
        test_node_int(&split, "axis", round % 3 ? pieces.axis : pieces.axis - pieces.whole.rank);
        if (!input)
            test_node_ints(&split, "split", pieces.sizes, (size_t)pieces.count);
        check_pieces(&random, &pieces, &split, input ? (round % 4 == 1 ? 13 : 18) : 11, input ? sizes : NULL);
        test_tensor_free(sizes);
    }
}

static void test_equal_pieces(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    static const int opsets[] = {7, 11, 13, 17, 18, 24};
    for (int round = 0; round < 300; round++) {
        const int opset = opsets[round % 6];
        struct pieces pieces = random_pieces(&random);
        const int64_t size = random_int(&random, 1, 5);
        for (int i = 0; i < pieces.count; i++)
            pieces.sizes[i] = size;
        if (opset >= 18)
            pieces.sizes[pieces.count - 1] = random_int(&random, pieces.count > 1 ? 0 : 1, size);
        const int64_t total = size * (pieces.count - 1) + pieces.sizes[pieces.count - 1];
        pieces.whole.dims[pieces.axis] = total;
        if ((total + pieces.count - 1) / pieces.count != size)
            continue; /* the rule gives other pieces */
        struct test_node split;
        test_node_init(&split, "Split", 1, pieces.count);
        test_node_int(&split, "axis", pieces.axis);
        if (opset >= 18)
            test_node_int(&split, "num_outputs", pieces.count);
        check_pieces(&random, &pieces, &split, opset, NULL);
    }
}

static void refuse_split(int opset, int outputs, int64_t num_outputs, const int64_t *sizes, int count, status code,
                         const char *fragment) {
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 5), *list = test_ints(count, sizes);
    struct test_node node;
    test_node_init(&node, "Split", sizes ? 2 : 1, outputs);
    test_node_int(&node, "axis", 1);
    if (num_outputs)
        test_node_int(&node, "num_outputs", num_outputs);
    assert_status(&node, opset, (const struct tensor *const[]){data, list}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(list);
}

static void test_split_refusals(void **state) {
    (void)state;
    refuse_split(13, 2, 0, (int64_t[]){2, 2}, 2, STATUS_SHAPE, "together 4, expected axis 1 of [2,5]");
    refuse_split(13, 2, 0, (int64_t[]){INT64_MAX, INT64_MAX}, 2, STATUS_SHAPE, "together more than axis 1");
    refuse_split(13, 2, 0, (int64_t[]){6, -1}, 2, STATUS_SHAPE, "together more than axis 1");
    refuse_split(13, 2, 0, (int64_t[]){-1, 6}, 2, STATUS_INVALID_MODEL, "split[0] is -1");
    refuse_split(13, 2, 0, (int64_t[]){5}, 1, STATUS_INVALID_MODEL, "1 sizes for 2 outputs");
    refuse_split(13, 2, 0, NULL, 0, STATUS_SHAPE, "in 2 equal pieces");
    refuse_split(18, 4, 4, NULL, 0, STATUS_SHAPE, "in 4 equal pieces with a smaller last one");
    refuse_split(18, 2, 3, NULL, 0, STATUS_INVALID_MODEL, "there are 2 outputs");
    refuse_split(18, 2, 2, (int64_t[]){2, 3}, 2, STATUS_INVALID_MODEL, "either");
    refuse_split(18, 2, 0, NULL, 0, STATUS_INVALID_MODEL, "either");
    refuse_split(13, 0, 0, NULL, 0, STATUS_INVALID_MODEL, "no output");
    refuse_split(13, 1, 1, NULL, 0, STATUS_UNSUPPORTED, "num_outputs");
}

static void test_concat_refusals(void **state) {
    (void)state;
    struct tensor *a = test_tensor(DTYPE_FLOAT, 2, 2, 5), *b = test_tensor(DTYPE_FLOAT, 2, 3, 5),
                  *c = test_tensor(DTYPE_FLOAT, 1, 5), *d = test_tensor(DTYPE_INT32, 2, 2, 5),
                  *scalar = test_tensor(DTYPE_FLOAT, 0);
    struct test_node node, bare;
    test_node_init(&node, "Concat", 2, 1);
    test_node_init(&bare, "Concat", 2, 1);
    test_node_int(&node, "axis", -1);
    assert_status(&node, 13, (const struct tensor *const[]){a, b}, STATUS_SHAPE,
                  "input 1 has shape [3,5], expected [2,5] as input 0 but for axis 1");
    assert_status(&node, 13, (const struct tensor *const[]){a, c}, STATUS_SHAPE, "input 1 has shape [5]");
    assert_status(&node, 13, (const struct tensor *const[]){a, d}, STATUS_INVALID_MODEL, "int32");
    assert_status(&node, 13, (const struct tensor *const[]){a, NULL}, STATUS_INVALID_MODEL, "missing");
    assert_status(&node, 13, (const struct tensor *const[]){scalar, scalar}, STATUS_INVALID_MODEL, "axis is -1");
    assert_status(&bare, 13, (const struct tensor *const[]){a, a}, STATUS_INVALID_MODEL, "\"axis\" is missing");
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(c);
    test_tensor_free(d);
    test_tensor_free(scalar);
}

/* ---- DepthToSpace and SpaceToDepth ---- */

struct blocks {
    struct shape deep, wide;
    int64_t size;
    bool crd;
};

/* Where an element of the wide tensor lies in the deep one. */
static int64_t wide_to_deep(const int64_t *index, void *context) {
    const struct blocks *b = context;
    const int64_t row = index[2] % b->size, column = index[3] % b->size, channels = b->wide.dims[1];
    const int64_t channel =
        b->crd ? (index[1] * b->size + row) * b->size + column : (row * b->size + column) * channels + index[1];
    return ravel(&b->deep, (int64_t[]){index[0], channel, index[2] / b->size, index[3] / b->size});
}

static int64_t deep_to_wide(const int64_t *index, void *context) {
    const struct blocks *b = context;
    const int64_t channels = b->wide.dims[1], area = b->size * b->size;
    const int64_t channel = b->crd ? index[1] / area : index[1] % channels;
    const int64_t block = b->crd ? index[1] % area : index[1] / channels;
    return ravel(&b->wide, (int64_t[]){index[0], channel, index[2] * b->size + block / b->size,
                                       index[3] * b->size + block % b->size});
}

static void test_depth_and_space(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 5);
    for (int round = 0; round < 600; round++) {
        struct blocks b = {.size = random_int(&random, 1, 4), .crd = round % 2};
        const int64_t channels = random_int(&random, 1, 5);
        const int height = (int)random_int(&random, round % 40 ? 1 : 0, 9), width = (int)random_int(&random, 1, 40);
        b.deep = shape_of(4, 2, (int)(channels * b.size * b.size), height, width);
        b.wide = shape_of(4, 2, (int)channels, height * (int)b.size, width * (int)b.size);
        struct tensor *deep = random_tensor(&random, random_type(&random), &b.deep);
        struct tensor *wide = random_tensor(&random, random_type(&random), &b.wide);
        struct test_node to_space, to_depth;
        test_node_init(&to_space, "DepthToSpace", 1, 1);
        test_node_int(&to_space, "blocksize", b.size);
        if (b.crd || round % 4 == 0)
            test_node_text(&to_space, "mode", b.crd ? "CRD" : "DCR");
        test_node_init(&to_depth, "SpaceToDepth", 1, 1);
        test_node_int(&to_depth, "blocksize", b.size);
        if (b.crd)
            test_node_text(&to_depth, "mode", "CRD");
        const int opset = b.crd || round % 4 == 0 ? 11 : 7;
        check_moved(evaluate_moved(&to_space, opset, (const struct tensor *const[]){deep}), &b.wide, deep, NULL,
                    wide_to_deep, &b);
        check_moved(evaluate_moved(&to_depth, b.crd ? 28 : opset, (const struct tensor *const[]){wide}), &b.deep, wide,
                    NULL, deep_to_wide, &b);
        test_tensor_free(deep);
        test_tensor_free(wide);
    }
}

static void refuse_block(const char *op, int64_t size, const struct tensor *data, status code, const char *fragment) {
    struct test_node node;
    test_node_init(&node, op, 1, 1);
    test_node_int(&node, "blocksize", size);
    assert_status(&node, 13, (const struct tensor *const[]){data}, code, fragment);
}

static void test_block_refusals(void **state) {
    (void)state;
    struct tensor *data = test_tensor(DTYPE_FLOAT, 4, 1, 6, 6, 6), *flat = test_tensor(DTYPE_FLOAT, 2, 4, 4),
                  *none = test_tensor(DTYPE_FLOAT, 4, 0, 0, 6, 6);
    struct test_node bare, old;
    refuse_block("DepthToSpace", 2, data, STATUS_SHAPE, "[1,6,6,6]");
    refuse_block("SpaceToDepth", 4, data, STATUS_SHAPE, "blocksize 4");
    refuse_block("DepthToSpace", 0, data, STATUS_INVALID_MODEL, "is 0");
    refuse_block("SpaceToDepth", INT64_MIN, data, STATUS_INVALID_MODEL, "expected 1 or more");
    refuse_block("DepthToSpace", INT64_MAX, data, STATUS_SHAPE, "squared");
    refuse_block("DepthToSpace", (int64_t)1 << 31, none, STATUS_LIMIT, "no valid size");
    refuse_block("DepthToSpace", 1 << 20, none, STATUS_OK, "");
    refuse_block("DepthToSpace", INT64_MAX, none, STATUS_SHAPE, "squared");
    refuse_block("SpaceToDepth", 2, flat, STATUS_SHAPE, "expected [N,C,H,W]");
    test_node_init(&bare, "SpaceToDepth", 1, 1);
    assert_status(&bare, 13, (const struct tensor *const[]){data}, STATUS_INVALID_MODEL, "\"blocksize\" is missing");
    test_node_init(&old, "DepthToSpace", 1, 1);
    test_node_int(&old, "blocksize", 1);
    test_node_text(&old, "mode", "CRD");
    assert_status(&old, 10, (const struct tensor *const[]){data}, STATUS_UNSUPPORTED, "\"mode\"");
    test_tensor_free(data);
    test_tensor_free(flat);
    test_tensor_free(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),       cmocka_unit_test(test_transpose_refusals),
        cmocka_unit_test(test_expand),          cmocka_unit_test(test_tile),
        cmocka_unit_test(test_repeat_refusals), cmocka_unit_test(test_split_and_concat),
        cmocka_unit_test(test_equal_pieces),    cmocka_unit_test(test_split_refusals),
        cmocka_unit_test(test_concat_refusals), cmocka_unit_test(test_depth_and_space),
        cmocka_unit_test(test_block_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
