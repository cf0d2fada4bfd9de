/* Shards: of any names, every one is in exactly one shard of N, whatever other names there are; what --shard takes. */
#include "tests/support/support.h"
#include "tools/cli/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NAME 40

static size_t random_name(struct random *random, char *name) {
    const size_t length = (size_t)random_int(random, 1, MOST_NAME);
    for (size_t i = 0; i < length; i++)
        name[i] = (char)random_int(random, 1, 255);
    return length;
}

/* ---- splitting ---- */

static void names_are_in_one_shard(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    char name[MOST_NAME];
    for (int i = 0; i < 2000; i++) {
        const int count = (int)random_int(&random, 1, 50);
        const size_t length = random_name(&random, name);
        int holders = 0;
        for (int k = 1; k <= count; k++)
            holders += shard_holds(&(struct shard){.number = k, .count = count}, name, length);
        assert_int_equal(holders, 1);
        assert_true(shard_holds(&(struct shard){.count = 0}, name, length));
    }
}

/* As the header says it, computed elsewhere (Python's integers). */
static void names_hash_as_written_down(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int number; /* of 1000 */
    } known[] = {{"a", 316}, {"IMG_0001", 373}, {"photo.tar", 971},
                 {"", 343},  {"été 1", 349},    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 771}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(shard_holds(&(struct shard){.number = known[i].number, .count = 1000}, known[i].name,
                                strlen(known[i].name)));
}

/* Names that differ in a few digits, as those of cameras do: each shard within a fifth of its due. */
static void shards_are_about_equal(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 7, 16, 100};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        int held[100] = {0};
        const int names = 2000 * counts[c];
        for (int i = 0; i < names; i++) {
            char name[MOST_NAME];
            const int length = snprintf(name, sizeof name, "IMG_%06d", i);
            for (int k = 1; k <= counts[c]; k++)
                held[k - 1] += shard_holds(&(struct shard){.number = k, .count = counts[c]}, name, (size_t)length);
        }
        for (int k = 0; k < counts[c]; k++)
            assert_in_range(held[k], 1600, 2400);
    }
}

/* ---- the option ---- */

static const char *const variables[] = {"SLURM_ARRAY_TASK_ID",   "SLURM_ARRAY_TASK_MIN",   "SLURM_ARRAY_TASK_MAX",
                                        "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT", "JOB_COMPLETION_INDEX"};
#define VARIABLES (sizeof variables / sizeof variables[0])

struct shard_case {
    const char *text;
    const char *values[VARIABLES]; /* of variables, NULL: not set */
    int number, count;             /* 0: refused */
    const char *says;              /* in the source or in the message */
};

#define SLURM(...) \
    { __VA_ARGS__ }
#define KUBERNETES(index) \
    { NULL, NULL, NULL, NULL, NULL, index }

static const struct shard_case cases[] = {
    {"3/16", {NULL}, 3, 16, NULL},
    {"3/16", SLURM("9", "1", "16", "1", "16"), 3, 16, NULL}, /* nobody asked the environment */
    {"1/1", {NULL}, 1, 1, NULL},
    {"1000000/1000000", {NULL}, 1000000, 1000000, NULL},
    {"0/4", {NULL}, 0, 0, "K from 1 to N"},
    {"5/4", {NULL}, 0, 0, "K from 1 to N"},
    {"4", {NULL}, 0, 0, "K from 1 to N"},
    {"1/0", {NULL}, 0, 0, "K from 1 to N"},
    {"1/1000001", {NULL}, 0, 0, "at most 1000000"},
    {"1/99999999999999999999", {NULL}, 0, 0, "at most"},
    {"-1/4", {NULL}, 0, 0, "K from 1 to N"},
    {"1/4x", {NULL}, 0, 0, "K from 1 to N"},
    {"1/ 4", {NULL}, 0, 0, "K from 1 to N"},
    {"", {NULL}, 0, 0, "K from 1 to N"},
    {"automatic", {NULL}, 0, 0, "or auto"},
    {"auto/0", SLURM("1"), 0, 0, "or auto"},
    {"auto", {NULL}, 0, 0, "neither of"},
    {"auto/4", {NULL}, 0, 0, "neither of"},
    {"auto/4", SLURM("1", NULL, NULL, NULL, NULL, "0"), 0, 0, "each of"},
    {"auto/4", SLURM("1"), 1, 4, "SLURM_ARRAY_TASK_ID=1"},
    {"auto/4", SLURM("4", "4", "4", "1", "1"), 4, 4, "SLURM_ARRAY_TASK_ID=4"}, /* one task of an array, again */
    {"auto/4", SLURM("0"), 0, 0, "expected 1 to 4"},
    {"auto/4", SLURM("5"), 0, 0, "expected 1 to 4"},
    {"auto/4", SLURM("x"), 0, 0, "SLURM_ARRAY_TASK_ID is 'x'"},
    {"auto/4", SLURM(""), 0, 0, "SLURM_ARRAY_TASK_ID is ''"},
    {"auto", SLURM("1", "1", "8", "1", "8"), 1, 8, "SLURM_ARRAY_TASK_ID=1"},
    {"auto", SLURM("0", "0", "7", "1", "8"), 1, 8, "SLURM_ARRAY_TASK_ID=0"},
    {"auto", SLURM("20", "10", "30", "5", "5"), 3, 5, "SLURM_ARRAY_TASK_ID=20"},
    {"auto", SLURM("28", "10", "32", "6", "4"), 4, 4, "SLURM_ARRAY_TASK_ID=28"},
    {"auto", SLURM("7", "1", "7", "1", "3"), 0, 0, "not evenly spaced"}, /* --array=1,3,7 */
    {"auto", SLURM("12", "10", "30", "5", "5"), 0, 0, "not evenly spaced"},
    {"auto", SLURM("1", "1", "8", "0", "8"), 0, 0, "not evenly spaced"},
    {"auto", SLURM("1", "1", "8", "1"), 0, 0, "SLURM_ARRAY_TASK_COUNT is not set"},
    {"auto/4", KUBERNETES("0"), 1, 4, "JOB_COMPLETION_INDEX=0"},
    {"auto/4", KUBERNETES("3"), 4, 4, "JOB_COMPLETION_INDEX=3"},
    {"auto/4", KUBERNETES("4"), 0, 0, "expected 0 to 3"},
    {"auto", KUBERNETES("0"), 0, 0, "does not say how many"},
};

static void check_case(const struct shard_case *one, struct pool *pool) {
    struct shard shard = {.number = 0};
    struct error err = {STATUS_OK, ""};
    for (size_t i = 0; i < VARIABLES; i++)
        one->values[i] ? setenv(variables[i], one->values[i], 1) : unsetenv(variables[i]);
    const status code = set_shard(pool, &shard, one->text, &err);
    if (!code != (one->count > 0) || shard.number != one->number || shard.count != one->count)
        fail_msg("--shard %s: %d of %d, expected %d of %d: %s", one->text, shard.number, shard.count, one->number,
                 one->count, err.message);
    const char *said = code ? err.message : shard.source;
    if (!one->says ? said != NULL : !said || !strstr(said, one->says))
        fail_msg("--shard %s says '%s', expected '%s'", one->text, said, one->says);
}

static void options_are_read(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    assert_non_null(pool);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], pool);
    pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_in_one_shard),
        cmocka_unit_test(names_hash_as_written_down),
        cmocka_unit_test(shards_are_about_equal),
        cmocka_unit_test(options_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
