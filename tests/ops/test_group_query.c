/* GroupQueryAttention: caches of keys and values, those that slide, refusals; beside sums in double precision. */
#include "tests/support/contrib_node.h"
#include "tests/support/numbers.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- GroupQueryAttention ---- */

enum { GQA_INPUTS = 17 };

struct gqa {
    int batch, heads, kv_heads, rows, past, total, size, window;
    double softcap;
    bool smooth;
    int length[4], new[4]; /* of rows of the batch */
    struct tensor *inputs[GQA_INPUTS];
};

static struct gqa random_gqa(struct random *random) {
    struct gqa p = {.batch = (int)random_int(random, 1, 3),
                    .kv_heads = (int)random_int(random, 1, 2),
                    .rows = (int)random_int(random, 1, 6),
                    .past = (int)random_int(random, 0, 8),
                    .size = (int)random_int(random, 1, 20),
                    .window = random_int(random, 0, 1) ? (int)random_int(random, 1, 5) : 0,
                    .softcap = random_int(random, 0, 1) ? 0.75 : 0};
    p.heads = p.kv_heads * (int)random_int(random, 1, 3);
    p.total = p.rows + (int)random_int(random, 0, p.past);
    const int total = p.total > p.past ? p.total : p.past;
    p.inputs[0] = contrib_numbers(random, DTYPE_FLOAT, 3, p.batch, p.rows, p.heads * p.size, 0);
    for (int i = 1; i <= 2; i++)
        p.inputs[i] = contrib_numbers(random, DTYPE_FLOAT, 3, p.batch, p.rows, p.kv_heads * p.size, 0);
    for (int i = 3; i <= 4 && p.past; i++)
        p.inputs[i] = contrib_numbers(random, DTYPE_FLOAT, 4, p.batch, p.kv_heads, p.past, p.size);
    p.inputs[5] = test_tensor(DTYPE_INT32, 1, p.batch);
    p.inputs[6] = test_tensor(DTYPE_INT32, 0);
    number_set(p.inputs[6], 0, p.total);
    if (random_int(random, 0, 1))
        p.inputs[10] =
            contrib_numbers(random, DTYPE_FLOAT, 4, random_int(random, 0, 1) ? p.batch : 1, p.heads, p.rows, total);
    p.smooth = random_int(random, 0, 2) == 0;
    if (random_int(random, 0, 1))
        p.inputs[11] = contrib_numbers(random, DTYPE_FLOAT, 1, p.heads, 0, 0, 0);
    for (int b = 0; b < p.batch; b++) {
        p.length[b] = (int)random_int(random, 1, p.total);
        p.new[b] = p.length[b] < p.rows ? p.length[b] : p.rows;
        if (p.length[b] - p.new[b] > p.past)
            p.length[b] = p.new[b] + p.past;
        number_set(p.inputs[5], b, p.length[b] - 1);
    }
    return p;
}

/* Number i of a head's vector `key` of the cache: an old one or a new one. */
static double cached(const struct gqa *p, int which, int b, int head, int key, int i) {
    const int old = p->length[b] - p->new[b];
    return key < old ? number_get(p->inputs[3 + which], ((b * p->kv_heads + head) * p->past + key) * p->size + i)
                     : number_get(p->inputs[1 + which], ((b * p->rows + key - old) * p->kv_heads + head) * p->size + i);
}

/* A row's vector; rows of padding are not asked for. */
static void attend(const struct gqa *p, int b, int head, int row, double *y) {
    const int place = p->length[b] - p->new[b] + row, group = head / (p->heads / p->kv_heads);
    const int first = p->window && place - p->window + 1 > 0 ? place - p->window + 1 : 0;
    double sum = p->inputs[11] ? exp(number_get(p->inputs[11], head)) : p->smooth;
    memset(y, 0, (size_t)p->size * sizeof *y);
    for (int key = first; key <= place; key++) {
        double score = 0;
        for (int i = 0; i < p->size; i++)
            score += number_get(p->inputs[0], ((b * p->rows + row) * p->heads + head) * p->size + i) *
                     cached(p, 0, b, group, key, i);
        score /= sqrt(p->size);
        score = p->softcap != 0 ? p->softcap * tanh(score / p->softcap) : score;
        if (p->inputs[10]) {
            const int64_t *dims = p->inputs[10]->shape.dims;
            score +=
                number_get(p->inputs[10], (((dims[0] > 1 ? b : 0) * p->heads + head) * p->rows + row) * dims[3] + key);
        }
        sum += exp(score);
        for (int i = 0; i < p->size; i++)
            y[i] += exp(score) * cached(p, 1, b, group, key, i);
    }
    for (int i = 0; i < p->size; i++)
        y[i] /= sum;
}

static void compare_gqa(const struct gqa *p, struct tensor *const *outputs) {
    double expected[32];
    float found[32];
    for (int b = 0; b < p->batch; b++) {
        for (int row = 0; row < p->new[b]; row++)
            for (int head = 0; head < p->heads; head++) {
                attend(p, b, head, row, expected);
                const float *y = (const float *)outputs[0]->data + ((b * p->rows + row) * p->heads + head) * p->size;
                test_close(y, expected, (size_t)p->size, 1e-5, 1e-5, "GroupQueryAttention");
            }
        const int64_t room = outputs[1]->shape.dims[2];
        for (int which = 0; which < 2; which++)
            for (int item = 0; item < p->kv_heads * p->length[b]; item++) {
                const int head = item / p->length[b], key = item % p->length[b];
                const float *present = outputs[1 + which]->data;
                memcpy(found, present + ((b * p->kv_heads + head) * room + key) * p->size,
                       (size_t)p->size * sizeof *found);
                for (int i = 0; i < p->size; i++)
                    expected[i] = cached(p, which, b, head, key, i);
                test_close(found, expected, (size_t)p->size, 0, 0, "a cache");
            }
    }
}

static void gqa_node(const struct gqa *p, struct test_node *test) {
    test_node_init(test, "GroupQueryAttention", GQA_INPUTS, 3);
    test_node_int(test, "num_heads", p->heads);
    test_node_int(test, "kv_num_heads", p->kv_heads);
    if (p->window)
        test_node_int(test, "local_window_size", p->window);
    test_node_float(test, "softcap", (float)p->softcap);
    test_node_int(test, "smooth_softmax", p->smooth);
}

static void caches(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int i = 0; i < test_cases(80); i++) {
        struct gqa p = random_gqa(&random);
        struct tensor y[3] = {{0}}, *outputs[] = {&y[0], &y[1], &y[2]};
        struct test_node test;
        gqa_node(&p, &test);
        contrib_must(&test, "com.microsoft", 1, p.inputs, outputs);
        compare_gqa(&p, outputs);
        for (int k = 0; k < 3; k++)
            free(y[k].data);
        contrib_free(p.inputs, GQA_INPUTS);
    }
}

/* All keys and values of a sequence, of which a cache that slides has the newest ones. */
#define SLIDING_ROWS 40

#define SLIDING_SIZE 3

struct sliding {
    int window, room;
    float vectors[3][SLIDING_ROWS][SLIDING_SIZE]; /* of queries, keys and values */
    float cache[2][SLIDING_ROWS][SLIDING_SIZE];
};

static int sliding_held(const struct sliding *s, int length) {
    int held = length;
    while (held > s->room) /* so many go at once that the window stays */
        held -= s->room - s->window + 1;
    return held;
}

/* Rows first .. first + count through the operator; what it answers is compared, and its cache is the next one's. */
static void slide(struct sliding *s, int first, int count) {
    struct tensor *inputs[GQA_INPUTS] = {NULL}, y[3] = {{0}}, *outputs[] = {&y[0], &y[1], &y[2]};
    const int length = first + count, held = sliding_held(s, length);
    struct test_node test;
    for (int i = 0; i < 3; i++) {
        inputs[i] = test_tensor(DTYPE_FLOAT, 3, 1, count, SLIDING_SIZE);
        memcpy(inputs[i]->data, s->vectors[i][first], inputs[i]->bytes);
    }
    for (int i = 0; i < 2; i++) {
        inputs[3 + i] = test_tensor(DTYPE_FLOAT, 4, 1, 1, s->room, SLIDING_SIZE);
        memcpy(inputs[3 + i]->data, s->cache[i], inputs[3 + i]->bytes);
        inputs[5 + i] = test_tensor(DTYPE_INT32, 1, 1);
        number_set(inputs[5 + i], 0, length - 1 + i);
    }
    test_node_init(&test, "GroupQueryAttention", GQA_INPUTS, 3);
    test_node_int(&test, "num_heads", 1);
    test_node_int(&test, "kv_num_heads", 1);
    test_node_int(&test, "local_window_size", s->window);
    test_node_int(&test, "sliding_window_cache", 1);
    contrib_must(&test, "com.microsoft", 1, inputs, outputs);
    for (int row = 0; row < count; row++) {
        const int place = first + row;
        double sum = 0, expected[SLIDING_SIZE] = {0};
        for (int key = place < s->window ? 0 : place - s->window + 1; key <= place; key++) {
            double score = 0;
            for (int i = 0; i < SLIDING_SIZE; i++)
                score += (double)s->vectors[0][place][i] * (double)s->vectors[1][key][i] / sqrt(SLIDING_SIZE);
            sum += exp(score);
            for (int i = 0; i < SLIDING_SIZE; i++)
                expected[i] += exp(score) * (double)s->vectors[2][key][i];
        }
        for (int i = 0; i < SLIDING_SIZE; i++)
            expected[i] /= sum;
        test_close((const float *)y[0].data + row * SLIDING_SIZE, expected, SLIDING_SIZE, 1e-5, 1e-5, "a window");
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(y[1 + i].shape.dims[2], s->room);
        assert_memory_equal(y[1 + i].data, s->vectors[1 + i][length - held], (size_t)held * sizeof s->cache[0][0]);
        memcpy(s->cache[i], y[1 + i].data, y[1 + i].bytes);
    }
    for (int i = 0; i < 3; i++)
        free(y[i].data);
    contrib_free(inputs, GQA_INPUTS);
}

static void sliding_caches(void **state) {
    struct random random = random_from(test_seed() + 9);
    (void)state;
    for (int round = 0; round < test_cases(20); round++) {
        struct sliding s = {.window = (int)random_int(&random, 1, 6)};
        s.room = s.window + (int)random_int(&random, 0, 5);
        for (int i = 0; i < 3 * SLIDING_ROWS * SLIDING_SIZE; i++)
            (&s.vectors[0][0][0])[i] = random_float(&random);
        for (int first = 0, count; first < SLIDING_ROWS; first += count) {
            count = (int)random_int(&random, 1, round % 2 ? 2 : 15);
            count = count < SLIDING_ROWS - first ? count : SLIDING_ROWS - first;
            slide(&s, first, count);
        }
    }
}

static void caches_refuse(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    struct gqa p = random_gqa(&random);
    struct test_node test;
    while (p.past == 0) {
        contrib_free(p.inputs, GQA_INPUTS);
        p = random_gqa(&random);
    }
    if (p.inputs[10])
        test_tensor_free(p.inputs[10]);
    p.inputs[10] = NULL;
    gqa_node(&p, &test);
    number_set(p.inputs[6], 0, p.past); /* no room for new ones behind a full cache */
    number_set(p.inputs[5], 0, p.past + p.rows - 1);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[6], 0, p.total);
    number_set(p.inputs[5], 0, p.total + p.past);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[5], 0, -7);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[6], 0, -1);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "(total_sequence_length)");
    gqa_node(&p, &test);
    test_node_int(&test, "sliding_window_cache", 1);
    test_node_int(&test, "local_window_size", 0);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "\"sliding_window_cache\" is 1");
    p.window = p.past + 1;
    gqa_node(&p, &test);
    test_node_int(&test, "sliding_window_cache", 1);
    number_set(p.inputs[6], 0, p.total);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "expected local_window_size");
    p.kv_heads = p.heads + 1;
    gqa_node(&p, &test);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "cannot share");
    contrib_free(p.inputs, GQA_INPUTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(caches), cmocka_unit_test(sliding_caches),
                                       cmocka_unit_test(caches_refuse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}