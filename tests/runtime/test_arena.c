/* runtime/arena: nothing that lives at the same time overlaps, and little is wasted. */
#include "tests/support/support.h"

#include "runtime/plan/arena.h"

#include <stdlib.h>

static size_t aligned(size_t bytes) {
    return (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
}

/* The least that any layout can do: the largest sum of sizes alive at one step. */
static size_t lower_bound(const struct arena_item *items, int count) {
    size_t most = 0;
    for (int i = 0; i < count; i++) {
        size_t sum = 0;
        for (int j = 0; j < count; j++)
            if (items[j].first <= items[i].first && items[j].last >= items[i].first)
                sum += aligned(items[j].bytes);
        most = sum > most ? sum : most;
    }
    return most;
}

static void check_layout(const struct arena_item *items, int count, size_t total, uint64_t seed) {
    for (int i = 0; i < count; i++) {
        const struct arena_item *a = &items[i];
        if (a->offset % ARENA_ALIGNMENT != 0 || (a->bytes > 0 && a->offset + a->bytes > total))
            fail_msg("seed %llu: item %d is out of place", (unsigned long long)seed, i);
        for (int j = 0; j < i; j++) {
            const struct arena_item *b = &items[j];
            const bool in_time = a->first <= b->last && b->first <= a->last;
            const bool in_space = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            if (in_time && in_space && a->bytes > 0 && b->bytes > 0)
                fail_msg("seed %llu: items %d and %d overlap", (unsigned long long)seed, j, i);
        }
    }
}

static void random_items(struct arena_item *items, int count, int steps, struct random *random) {
    for (int i = 0; i < count; i++) {
        const int first = (int)random_int(random, 0, steps);
        const int length = (int)random_int(random, 0, random_int(random, 0, 9) == 0 ? steps : 3);
        items[i] = (struct arena_item){.first = first, .last = first + length};
        items[i].bytes = (size_t)random_int(random, 0, 1 << random_int(random, 0, 16));
    }
}

static void random_lives_never_overlap(void **state) {
    (void)state;
    struct arena_item items[120];
    size_t totals = 0, bounds = 0;
    for (int round = 0; round < 400; round++) {
        const uint64_t seed = test_seed() + (uint64_t)round;
        struct random random = random_from(seed);
        const int count = (int)random_int(&random, 0, 120);
        size_t total;
        random_items(items, count, 40, &random);
        assert_true(arena_layout(items, count, &total));
        check_layout(items, count, total, seed);
        assert_true(total >= lower_bound(items, count));
        totals += total;
        bounds += lower_bound(items, count);
    }
    assert_true(totals < bounds + bounds / 10); /* within a tenth of what cannot be beaten */
}

static void a_chain_needs_two_places(void **state) {
    (void)state;
    struct arena_item items[50];
    size_t total;
    for (int i = 0; i < 50; i++)
        items[i] = (struct arena_item){.bytes = 1000, .first = i, .last = i + 1};
    assert_true(arena_layout(items, 50, &total));
    check_layout(items, 50, total, 0);
    assert_int_equal(total, 2 * aligned(1000));
}

static void many_items_are_laid_out_quickly(void **state) {
    (void)state;
    const int count = 300000;
    struct arena_item *items = calloc((size_t)count, sizeof *items);
    size_t total;
    struct random random = random_from(test_seed());
    assert_non_null(items);
    for (int i = 0; i < count; i++)
        items[i] = (struct arena_item){.bytes = (size_t)random_int(&random, 1, 500), .first = i, .last = i + 2};
    assert_true(arena_layout(items, count, &total));
    assert_true(total < 64 * 1024);
    for (int i = 3; i < count; i++) /* neighbours in time are neighbours in the list */
        check_layout(&items[i - 3], 4, total, test_seed());
    for (int i = 0; i < count; i++)
        items[i].last = count;
    assert_true(arena_layout(items, count, &total));
    free(items);
}

static void empty_and_huge_sizes(void **state) {
    (void)state;
    size_t total = 1;
    assert_true(arena_layout(NULL, 0, &total));
    assert_int_equal(total, 0);
    struct arena_item items[2] = {{.bytes = 0, .last = 1}, {.bytes = SIZE_MAX - 10, .last = 1}};
    assert_true(arena_layout(items, 1, &total));
    assert_int_equal(total, 0);
    assert_true(arena_layout(items, 2, &total));
    assert_true(total == SIZE_MAX);
    items[0].bytes = items[1].bytes = SIZE_MAX / 2 + 1;
    assert_true(arena_layout(items, 2, &total));
    assert_true(total == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_never_overlap),
        cmocka_unit_test(a_chain_needs_two_places),
        cmocka_unit_test(many_items_are_laid_out_quickly),
        cmocka_unit_test(empty_and_huge_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
