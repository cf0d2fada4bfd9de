/* The data-movement engine by itself, against one element at a time. */
#include "ops/movement/block_copy.h"
#include "ops/movement/strided.h"
#include "tests/support/movement.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)8 << 20)

static unsigned char *source, *destination, *expected;

static int set_up(void **state) {
    (void)state;
    source = malloc(BUFFER_BYTES);
    destination = malloc(BUFFER_BYTES);
    expected = malloc(BUFFER_BYTES);
    struct random random = random_from(test_seed());
    for (size_t i = 0; i < BUFFER_BYTES; i++)
        source[i] = (unsigned char)random_next(&random);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(source);
    free(destination);
    free(expected);
    return 0;
}

static void copy_one_by_one(const struct strided *box, int dimension, unsigned char *to, const unsigned char *from) {
    if (dimension == box->rank) {
        memcpy(to, from, box->element);
        return;
    }
    for (int64_t i = 0; i < box->size[dimension]; i++)
        copy_one_by_one(box, dimension + 1, to + i * box->to[dimension], from + i * box->from[dimension]);
}

/* Lays the box's sizes out in memory in a random order of dimensions, with gaps; the bytes it spans, or 0: too many. */
static size_t lay_out(struct random *random, const struct strided *box, int64_t *strides, bool repeats) {
    int order[STRIDED_RANK];
    int64_t stride = (int64_t)box->element;
    for (int i = 0; i < box->rank; i++)
        order[i] = i;
    if (random_int(random, 0, 2))
        for (int i = box->rank - 1; i > 0; i--) {
            const int j = (int)random_int(random, 0, i), other = order[j];
            order[j] = order[i];
            order[i] = other;
        }
    for (int i = box->rank - 1; i >= 0; i--) {
        const int dimension = order[i];
        if (repeats && random_int(random, 0, 4) == 0) {
            strides[dimension] = 0;
            continue;
        }
        if (random_int(random, 0, 3) == 0)
            stride += random_int(random, 1, 3) * (int64_t)box->element;
        strides[dimension] = stride;
        stride *= box->size[dimension] > 0 ? box->size[dimension] : 1;
        if ((size_t)stride > BUFFER_BYTES - 64)
            return 0;
    }
    return (size_t)stride;
}

/* Turns some dimensions round; the offset of the first element. */
static int64_t turn(struct random *random, const struct strided *box, int64_t *strides) {
    int64_t offset = 0;
    for (int i = 0; i < box->rank; i++)
        if (box->size[i] > 0 && random_int(random, 0, 3) == 0) {
            offset += strides[i] * (box->size[i] - 1);
            strides[i] = -strides[i];
        }
    return offset;
}

static void check_box(const struct strided *box, int64_t to, int64_t from, size_t span, int threads) {
    memset(destination, 0xA5, span);
    memset(expected, 0xA5, span);
    copy_one_by_one(box, 0, expected + to, source + from);
    strided_copy(box, destination + to, source + from, threads);
    if (memcmp(destination, expected, span) != 0) {
        for (int i = 0; i < box->rank; i++)
            print_error("size %lld to %lld from %lld\n", (long long)box->size[i], (long long)box->to[i],
                        (long long)box->from[i]);
        fail_msg("a box of %d dimensions of %zu bytes (seed %llu)", box->rank, box->element,
                 (unsigned long long)test_seed());
    }
}

static void test_random_boxes(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < 3000; round++) {
        struct strided box = {.element = (size_t)1 << random_int(&random, 0, 4)};
        const int rank = (int)random_int(&random, 0, 6);
        for (int i = 0; i < rank; i++)
            strided_add(&box, random_int(&random, random_int(&random, 0, 20) ? 1 : 0, rank > 3 ? 7 : 80), 0, 0);
        const size_t to_span = lay_out(&random, &box, box.to, false);
        const size_t from_span = lay_out(&random, &box, box.from, true);
        if (!to_span || !from_span)
            continue;
        const int64_t to = turn(&random, &box, box.to), from = turn(&random, &box, box.from);
        const int64_t skew = random_int(&random, 0, 1); /* no alignment is promised */
        check_box(&box, to + skew, from + skew, to_span + 64, random_int(&random, 0, 1) ? 3 : 1);
    }
}

static void test_transposes(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 200; round++) {
        const int64_t element = (int64_t)1 << random_int(&random, 0, 4);
        const int64_t rows = random_int(&random, 1, 200), columns = random_int(&random, 1, 200);
        const struct strided box = {.element = (size_t)element,
                                    .rank = 3,
                                    .size = {2, rows, columns},
                                    .to = {rows * columns * element, columns * element, element},
                                    .from = {rows * columns * element, element, rows * element}};
        check_box(&box, 0, 0, (size_t)(2 * rows * columns * element) + 64, 3);
    }
}

static void test_empty_boxes(void **state) {
    (void)state;
    const struct strided box = {.element = 4, .rank = 2, .size = {0, INT64_MAX}, .to = {4, 4}, .from = {4, 4}};
    strided_copy(&box, NULL, NULL, 3);
    strided_move(NULL, NULL, 0, 3);
    block_fill(NULL, "x", 1, 0);
}

static void test_moves_and_fills(void **state) {
    (void)state;
    for (size_t bytes = 1; bytes < 3000000; bytes = bytes * 3 + 1) {
        memset(destination, 0, bytes + 1);
        strided_move(destination, source + 1, bytes, 3);
        assert_memory_equal(destination, source + 1, bytes);
        assert_int_equal(destination[bytes], 0);
    }
    for (size_t block = 1; block <= 9000; block += block < 40 ? 1 : 997)
        for (int64_t count = 1; count < 400; count = count * 2 + 1) {
            memset(destination, 0xA5, block * (size_t)count + 1);
            block_fill((char *)destination, (char *)source, block, count);
            for (int64_t i = 0; i < count; i++)
                assert_memory_equal(destination + (size_t)i * block, source, block);
            assert_int_equal(destination[block * (size_t)count], 0xA5);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_boxes), cmocka_unit_test(test_transposes),
                                       cmocka_unit_test(test_empty_boxes), cmocka_unit_test(test_moves_and_fills)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
