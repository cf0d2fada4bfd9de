/* Operators of com.microsoft that compute themselves, and plain products of wide types, beside double precision. */
#include "tests/support/support.h"

#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct tensor *random_numbers(struct random *random, enum dtype dtype, int rank, int a, int b, int c, int d) {
    struct tensor *tensor = test_tensor(dtype, rank, a, b, c, d);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i,
                   dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE ? (double)random_float(random)
                                                                 : (double)random_int(random, 0, 255));
    return tensor;
}

static void free_all(struct tensor *const *tensors, int count) {
    for (int i = 0; i < count; i++)
        if (tensors[i])
            test_tensor_free(tensors[i]);
}

static status try(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                  struct tensor *const *outputs, struct error *err) {
    struct test_node copy = *test;
    copy.node.domain = domain;
    copy.node.inputs = copy.inputs;
    copy.node.outputs = copy.outputs;
    copy.node.attributes = copy.attributes;
    for (int i = 0; i < copy.node.input_count; i++)
        copy.inputs[i] = inputs[i] ? i : NO_VALUE;
    return op_evaluate(&copy.node, opset, (const struct tensor *const *)inputs, outputs, test_kernels(), 2, SIZE_MAX,
                       err);
}

static void must(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                 struct tensor *const *outputs) {
    struct error err;
    if (try(test, domain, opset, inputs, outputs, &err) != STATUS_OK)
        fail_msg("seed %llu: %s", (unsigned long long)test_seed(), err.message);
}

static void refuses(const struct test_node *test, const char *domain, int opset, struct tensor *const *inputs,
                    const char *message) {
    struct tensor y[3] = {{0}}, *outputs[] = {&y[0], &y[1], &y[2]};
    struct error err = {.code = STATUS_OK};
    try(test, domain, opset, inputs, outputs, &err);
    if (err.code == STATUS_OK || !strstr(err.message, message))
        fail_msg("\"%s\" does not say \"%s\"", err.code ? err.message : "it works", message);
    for (int i = 0; i < 3; i++)
        free(y[i].data);
}

/* ---- MatMulNBits ---- */

enum { NBITS_INPUTS = 6 };

struct nbits {
    int rows, depth, columns, bits, block, blocks;
    struct tensor *inputs[NBITS_INPUTS]; /* A B scales zero_points g_idx bias */
};

/* halves: 4 bits, for which there are kernels, with few rows as often as with many. */
static struct nbits random_nbits(struct random *random, bool halves) {
    const bool few = random_int(random, 0, 1) == 1;
    struct nbits p = {.rows = (int)random_int(random, 0, few ? 5 : 30),
                      .depth = (int)random_int(random, 1, few ? 5000 : 600),
                      .columns = (int)random_int(random, 1, few ? 9 : 50),
                      .bits = halves ? 4 : 1 << random_int(random, 1, 3),
                      .block = 1 << random_int(random, halves ? 5 : 4, 7)};
    p.blocks = (p.depth + p.block - 1) / p.block;
    p.inputs[0] = random_numbers(random, DTYPE_FLOAT, 3, 1, p.rows, p.depth, 0);
    p.inputs[1] = random_numbers(random, DTYPE_UINT8, 3, p.columns, p.blocks, p.block * p.bits / 8, 0);
    p.inputs[2] = random_numbers(random, DTYPE_FLOAT, 2, p.columns, p.blocks, 0, 0);
    const int64_t zeros = random_int(random, 0, 2);
    if (zeros == 1)
        p.inputs[3] = random_numbers(random, DTYPE_UINT8, 2, p.columns, (p.blocks * p.bits + 7) / 8, 0, 0);
    if (zeros == 2)
        p.inputs[3] = random_numbers(random, DTYPE_FLOAT, 2, p.columns, p.blocks, 0, 0);
    if (!halves && random_int(random, 0, 2) == 0) {
        p.inputs[4] = test_tensor(DTYPE_INT32, 1, p.depth);
        for (int k = 0; k < p.depth; k++)
            number_set(p.inputs[4], k, (double)random_int(random, 0, p.blocks - 1));
    }
    if (random_int(random, 0, 1))
        p.inputs[5] = random_numbers(random, DTYPE_FLOAT, 1, p.columns, 0, 0, 0);
    return p;
}

/* Number i of those that lie side by side in so many bits. */
static int bits_at(const struct tensor *tensor, int64_t byte0, int64_t i, int bits) {
    const int byte = (int)number_get(tensor, byte0 + i * bits / 8);
    return byte >> i * bits % 8 & ((1 << bits) - 1);
}

static double weight_at(const struct nbits *p, int column, int k) {
    const int block = p->inputs[4] ? (int)number_get(p->inputs[4], k) : k / p->block;
    const int code = bits_at(p->inputs[1], (int64_t)column * p->blocks * p->block * p->bits / 8, k, p->bits);
    double zero = 1 << (p->bits - 1);
    if (p->inputs[3] && p->inputs[3]->dtype == DTYPE_FLOAT)
        zero = number_get(p->inputs[3], column * p->blocks + block);
    else if (p->inputs[3])
        zero = bits_at(p->inputs[3], (int64_t)column * ((p->blocks * p->bits + 7) / 8), block, p->bits);
    return (code - zero) * number_get(p->inputs[2], column * p->blocks + block);
}

static void nbits_node(const struct nbits *p, struct test_node *test) {
    test_node_init(test, "MatMulNBits", NBITS_INPUTS, 1);
    test_node_int(test, "K", p->depth);
    test_node_int(test, "N", p->columns);
    test_node_int(test, "bits", p->bits);
    test_node_int(test, "block_size", p->block);
}

static void check_nbits(struct random *random, bool halves) {
    struct nbits p = random_nbits(random, halves);
    struct test_node test;
    struct tensor y = {0}, *outputs[] = {&y};
    double *expected = calloc((size_t)(p.rows * p.columns) + 1, sizeof *expected), largest = 0;
    nbits_node(&p, &test);
    must(&test, "com.microsoft", 1, p.inputs, outputs);
    for (int i = 0; i < p.rows * p.columns; i++) {
        for (int k = 0; k < p.depth; k++) {
            const double term = number_get(p.inputs[0], i / p.columns * p.depth + k) * weight_at(&p, i % p.columns, k);
            expected[i] += term;
            largest = fmax(largest, fabs(term));
        }
        expected[i] += p.inputs[5] ? number_get(p.inputs[5], i % p.columns) : 0;
    }
    test_close(y.data, expected, (size_t)(p.rows * p.columns), 1e-5, 1e-6 * largest * p.depth, "MatMulNBits");
    free(expected);
    free(y.data);
    free_all(p.inputs, NBITS_INPUTS);
}

static void packed_products(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(60); i++)
        check_nbits(&random, i % 2);
}

static void packed_products_refuse(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    struct nbits p = random_nbits(&random, false);
    struct test_node test;
    nbits_node(&p, &test);
    if (!p.inputs[4])
        p.inputs[4] = test_tensor(DTYPE_INT32, 1, p.depth);
    number_set(p.inputs[4], p.depth - 1, p.blocks);
    if (p.rows > 0)
        refuses(&test, "com.microsoft", 1, p.inputs, "g_idx[");
    p.inputs[1]->shape.dims[0]++;
    refuses(&test, "com.microsoft", 1, p.inputs, "input 1 (B) is");
    p.inputs[1]->shape.dims[0]--;
    p.block = 24;
    nbits_node(&p, &test);
    refuses(&test, "com.microsoft", 1, p.inputs, "\"block_size\" is 24");
    p.block = 32, p.bits = 3;
    nbits_node(&p, &test);
    refuses(&test, "com.microsoft", 1, p.inputs, "\"bits\" is 3");
    free_all(p.inputs, NBITS_INPUTS);
}

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
    p.inputs[0] = random_numbers(random, DTYPE_FLOAT, 3, p.batch, p.rows, p.heads * p.size, 0);
    for (int i = 1; i <= 2; i++)
        p.inputs[i] = random_numbers(random, DTYPE_FLOAT, 3, p.batch, p.rows, p.kv_heads * p.size, 0);
    for (int i = 3; i <= 4 && p.past; i++)
        p.inputs[i] = random_numbers(random, DTYPE_FLOAT, 4, p.batch, p.kv_heads, p.past, p.size);
    p.inputs[5] = test_tensor(DTYPE_INT32, 1, p.batch);
    p.inputs[6] = test_tensor(DTYPE_INT32, 0);
    number_set(p.inputs[6], 0, p.total);
    if (random_int(random, 0, 1))
        p.inputs[10] =
            random_numbers(random, DTYPE_FLOAT, 4, random_int(random, 0, 1) ? p.batch : 1, p.heads, p.rows, total);
    p.smooth = random_int(random, 0, 2) == 0;
    if (random_int(random, 0, 1))
        p.inputs[11] = random_numbers(random, DTYPE_FLOAT, 1, p.heads, 0, 0, 0);
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
        must(&test, "com.microsoft", 1, p.inputs, outputs);
        compare_gqa(&p, outputs);
        for (int k = 0; k < 3; k++)
            free(y[k].data);
        free_all(p.inputs, GQA_INPUTS);
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
    must(&test, "com.microsoft", 1, inputs, outputs);
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
    free_all(inputs, GQA_INPUTS);
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
        free_all(p.inputs, GQA_INPUTS);
        p = random_gqa(&random);
    }
    if (p.inputs[10])
        test_tensor_free(p.inputs[10]);
    p.inputs[10] = NULL;
    gqa_node(&p, &test);
    number_set(p.inputs[6], 0, p.past); /* no room for new ones behind a full cache */
    number_set(p.inputs[5], 0, p.past + p.rows - 1);
    refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[6], 0, p.total);
    number_set(p.inputs[5], 0, p.total + p.past);
    refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[5], 0, -7);
    refuses(&test, "com.microsoft", 1, p.inputs, "row 0 has");
    number_set(p.inputs[6], 0, -1);
    refuses(&test, "com.microsoft", 1, p.inputs, "(total_sequence_length)");
    gqa_node(&p, &test);
    test_node_int(&test, "sliding_window_cache", 1);
    test_node_int(&test, "local_window_size", 0);
    refuses(&test, "com.microsoft", 1, p.inputs, "\"sliding_window_cache\" is 1");
    p.window = p.past + 1;
    gqa_node(&p, &test);
    test_node_int(&test, "sliding_window_cache", 1);
    number_set(p.inputs[6], 0, p.total);
    refuses(&test, "com.microsoft", 1, p.inputs, "expected local_window_size");
    p.kv_heads = p.heads + 1;
    gqa_node(&p, &test);
    refuses(&test, "com.microsoft", 1, p.inputs, "cannot share");
    free_all(p.inputs, GQA_INPUTS);
}

/* ---- Inverse, CropAndResize ---- */

static void inverses(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    for (int round = 0; round < test_cases(20); round++) {
        const int n = (int)random_int(&random, 0, 9), count = (int)random_int(&random, 1, 3);
        struct tensor *x = random_numbers(&random, round % 2 ? DTYPE_FLOAT : DTYPE_DOUBLE, 3, count, n, n, 0);
        struct tensor y = {0}, *outputs[] = {&y}, *inputs[] = {x};
        struct test_node test;
        for (int64_t i = 0; i < count * n; i++) /* far from singular */
            number_set(x, i / n * n * n + i % n * (n + 1), 3 * n);
        test_node_init(&test, "Inverse", 1, 1);
        must(&test, "com.microsoft", 1, inputs, outputs);
        for (int64_t i = 0; i < (int64_t)count * n * n; i++) {
            const int64_t matrix = i / n / n * n * n, row = i / n % n, column = i % n;
            double product = 0;
            for (int64_t k = 0; k < n; k++)
                product += number_get(x, matrix + row * n + k) * number_get(&y, matrix + k * n + column);
            assert_true(fabs(product - (row == column)) < 1e-6);
        }
        free(y.data);
        test_tensor_free(x);
    }
    struct tensor *flat = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    struct test_node test;
    test_node_init(&test, "Inverse", 1, 1);
    refuses(&test, "com.microsoft", 1, &flat, "expected square matrices");
    test_tensor_free(flat);
}

static double crop_at(const struct tensor *x, const float *box, int channel, int row, int column, const int *size) {
    const int64_t *dims = x->shape.dims;
    double place[2];
    for (int d = 0; d < 2; d++) {
        const double last = (double)dims[2 + d] - 1, begin = (double)box[d] * last, end = (double)box[2 + d] * last;
        const int i = d ? column : row;
        place[d] = size[d] > 1 ? begin + i * (end - begin) / (size[d] - 1) : (begin + end) / 2;
        if (place[d] < 0 || place[d] > last)
            return 0.5;
    }
    double sum = 0;
    for (int64_t i = 0; i < dims[2] * dims[3]; i++) {
        const int64_t down = i / dims[3], across = i % dims[3];
        const double near = fmax(0, 1 - fabs(place[0] - (double)down)),
                     beside = fmax(0, 1 - fabs(place[1] - (double)across));
        sum += near * beside * number_get(x, channel * dims[2] * dims[3] + i);
    }
    return sum;
}

static void crops(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 5);
    const int size[] = {(int)random_int(&random, 1, 5), (int)random_int(&random, 1, 5)};
    struct tensor *inputs[] = {random_numbers(&random, DTYPE_FLOAT, 4, 1, 2, 5, 7), test_tensor(DTYPE_FLOAT, 2, 3, 4),
                               test_tensor(DTYPE_INT32, 1, 3), test_tensor(DTYPE_INT32, 1, 2)};
    struct tensor y = {0}, *outputs[] = {&y};
    struct test_node test;
    test_fill(inputs[1], &random);
    for (int d = 0; d < 2; d++)
        number_set(inputs[3], d, size[d]);
    test_node_init(&test, "CropAndResize", 4, 1);
    test_node_float(&test, "extrapolation_value", 0.5f);
    must(&test, "com.microsoft", 1, inputs, outputs);
    const int plane = size[0] * size[1];
    for (int i = 0; i < 3 * 2 * plane; i++) {
        const double expected = crop_at(inputs[0], (const float *)inputs[1]->data + i / plane / 2 * 4, i / plane % 2,
                                        i / size[1] % size[0], i % size[1], size);
        if (fabs(number_get(&y, i) - expected) > 1e-4)
            fail_msg("seed %llu: element %d is %g, expected %g", (unsigned long long)test_seed(), i, number_get(&y, i),
                     expected);
    }
    free(y.data);
    number_set(inputs[2], 1, 1);
    refuses(&test, "com.microsoft", 1, inputs, "batch_indices[1] is 1");
    number_set(inputs[3], 0, 0);
    refuses(&test, "com.microsoft", 1, inputs, "(crop_size)");
    free_all(inputs, 4);
}

/* ---- products of wide types ---- */

/* Integers wrap; every type's own arithmetic. */
static void wide_products(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_INT32, DTYPE_INT64, DTYPE_UINT32, DTYPE_UINT64, DTYPE_DOUBLE};
    struct random random = random_from(test_seed() + 6);
    for (int round = 0; round < test_cases(40); round++) {
        const enum dtype dtype = types[round % 5];
        const int m = (int)random_int(&random, 0, 9), k = (int)random_int(&random, 0, 40),
                  n = (int)random_int(&random, 1, 9);
        struct tensor *inputs[] = {random_numbers(&random, dtype, 3, 2, m, k, 0),
                                   random_numbers(&random, dtype, 2, k, n, 0, 0)};
        struct tensor y = {0}, *outputs[] = {&y};
        struct test_node test;
        test_node_init(&test, "MatMul", 2, 1);
        must(&test, "", 13, inputs, outputs);
        assert_int_equal(tensor_elements(&y), 2 * m * n);
        for (int64_t i = 0; i < 2 * (int64_t)m * n; i++) {
            double sum = 0;
            for (int64_t d = 0; d < k; d++)
                sum += number_get(inputs[0], i / n * k + d) * number_get(inputs[1], d * n + i % n);
            assert_true(fabs(number_get(&y, i) - sum) <= (dtype == DTYPE_DOUBLE ? 1e-12 * k : 0));
        }
        free(y.data);
        free_all(inputs, 2);
    }
}

static void integer_products_wrap(void **state) {
    (void)state;
    struct tensor *inputs[] = {test_tensor(DTYPE_INT32, 2, 1, 2), test_tensor(DTYPE_INT32, 2, 2, 1)};
    struct tensor y = {0}, *outputs[] = {&y};
    struct test_node test;
    for (int i = 0; i < 2; i++) {
        ((int32_t *)inputs[0]->data)[i] = INT32_MAX;
        ((int32_t *)inputs[1]->data)[i] = 3;
    }
    test_node_init(&test, "MatMul", 2, 1);
    must(&test, "", 13, inputs, outputs);
    assert_int_equal(((const int32_t *)y.data)[0], -6); /* 6 * 2^31 - 6 */
    free(y.data);
    free_all(inputs, 2);
}

/* ---- Conv in double precision ---- */

struct conv {
    int group, in, out, size[2], kernel[2], got[2];
    int64_t pads[4], strides[2], dilations[2];
};

static double conv_at(const struct conv *c, struct tensor *const *inputs, int64_t i) {
    const int64_t column = i % c->got[1], row = i / c->got[1] % c->got[0], m = i / c->got[1] / c->got[0] % c->out;
    const int64_t image = i / c->got[1] / c->got[0] / c->out, depth = c->in / c->group;
    double sum = inputs[2] ? number_get(inputs[2], m) : 0;
    for (int64_t k = 0; k < depth * c->kernel[0] * c->kernel[1]; k++) {
        const int64_t tap_x = k % c->kernel[1], tap_y = k / c->kernel[1] % c->kernel[0];
        const int64_t channel = m / (c->out / c->group) * depth + k / c->kernel[1] / c->kernel[0];
        const int64_t y = row * c->strides[0] - c->pads[0] + tap_y * c->dilations[0];
        const int64_t x = column * c->strides[1] - c->pads[1] + tap_x * c->dilations[1];
        if (y >= 0 && y < c->size[0] && x >= 0 && x < c->size[1])
            sum += number_get(inputs[0], ((image * c->in + channel) * c->size[0] + y) * c->size[1] + x) *
                   number_get(inputs[1], m * depth * c->kernel[0] * c->kernel[1] + k);
    }
    return sum;
}

static void check_conv(struct random *random) {
    struct conv c = {.group = (int)random_int(random, 1, 3)};
    struct test_node test;
    struct tensor y = {0}, *outputs[] = {&y};
    c.in = c.group * (int)random_int(random, 1, 3);
    c.out = c.group * (int)random_int(random, 1, 4);
    for (int d = 0; d < 2; d++) {
        c.kernel[d] = (int)random_int(random, 1, 4);
        c.dilations[d] = random_int(random, 1, 2);
        c.strides[d] = random_int(random, 1, 3);
        c.size[d] = (c.kernel[d] - 1) * 2 + (int)random_int(random, 1, 7);
        c.pads[d] = random_int(random, 0, 2);
        c.pads[2 + d] = random_int(random, 0, 2);
        const int64_t span = c.size[d] + c.pads[d] + c.pads[2 + d] - c.dilations[d] * (c.kernel[d] - 1) - 1;
        c.got[d] = (int)(span / c.strides[d] + 1);
    }
    struct tensor *inputs[] = {random_numbers(random, DTYPE_DOUBLE, 4, 2, c.in, c.size[0], c.size[1]),
                               random_numbers(random, DTYPE_DOUBLE, 4, c.out, c.in / c.group, c.kernel[0], c.kernel[1]),
                               random_int(random, 0, 1) ? random_numbers(random, DTYPE_DOUBLE, 1, c.out, 0, 0, 0)
                                                        : NULL};
    test_node_init(&test, "Conv", 3, 1);
    test_node_int(&test, "group", c.group);
    test_node_ints(&test, "pads", c.pads, 4);
    test_node_ints(&test, "strides", c.strides, 2);
    test_node_ints(&test, "dilations", c.dilations, 2);
    must(&test, "", 11, inputs, outputs);
    assert_int_equal(tensor_elements(&y), 2 * c.out * c.got[0] * c.got[1]);
    for (int64_t i = 0; i < tensor_elements(&y); i++)
        if (fabs(number_get(&y, i) - conv_at(&c, inputs, i)) > 1e-12)
            fail_msg("seed %llu: element %lld differs", (unsigned long long)test_seed(), (long long)i);
    free(y.data);
    free_all(inputs, 3);
}

static void double_convolutions(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 7);
    for (int i = 0; i < test_cases(40); i++)
        check_conv(&random);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(packed_products),
                                       cmocka_unit_test(packed_products_refuse),
                                       cmocka_unit_test(caches),
                                       cmocka_unit_test(sliding_caches),
                                       cmocka_unit_test(caches_refuse),
                                       cmocka_unit_test(inverses),
                                       cmocka_unit_test(crops),
                                       cmocka_unit_test(wide_products),
                                       cmocka_unit_test(integer_products_wrap),
                                       cmocka_unit_test(double_convolutions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
