/* Attention in all its forms, against the formula in double precision. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>

#define CASES 120

struct problem {
    int64_t batch, heads, kv_heads, rows, now, past, size, value_size, keys;
    bool flat, causal, lengths;
    int64_t left, right;
    int mask; /* 0: none, 1: bools, 2: floats, 3: integers */
    double softcap, scale;
    enum dtype dtype;
    struct tensor *inputs[7]; /* Q K V mask past_key past_value lengths */
    struct shape mask_shape;
};

static struct tensor *vectors(struct random *random, const struct problem *p, int64_t heads, int64_t rows, int64_t size,
                              bool flat) {
    const struct shape shape4 = {4, {p->batch, heads, rows, size}}, shape3 = {3, {p->batch, rows, heads * size}};
    struct tensor *tensor = test_tensor_shape(p->dtype, flat ? &shape3 : &shape4);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_float(random));
    return tensor;
}

static double vector_at(const struct tensor *t, bool flat, int64_t heads, int64_t rows, int64_t size, int64_t b,
                        int64_t h, int64_t r, int64_t i) {
    return number_get(t, flat ? ((b * rows + r) * heads + h) * size + i : ((b * heads + h) * rows + r) * size + i);
}

static void random_mask(struct problem *p, struct random *random) {
    const int64_t full[4] = {p->batch, p->heads, p->rows, random_int(random, 1, p->keys)};
    p->mask_shape.rank = (int)random_int(random, 1, 4);
    for (int d = 0; d < p->mask_shape.rank; d++) {
        const int from = d + 4 - p->mask_shape.rank;
        p->mask_shape.dims[d] = from < 3 && random_int(random, 0, 1) ? 1 : full[from];
    }
    p->inputs[3] = test_tensor_shape(p->mask == 1 ? DTYPE_BOOL : p->mask == 2 ? p->dtype : DTYPE_INT32, &p->mask_shape);
    for (int64_t i = 0; i < tensor_elements(p->inputs[3]); i++)
        number_set(p->inputs[3], i, p->mask == 2 ? (double)random_float(random) : (double)random_int(random, 0, 1));
}

static struct problem random_problem(struct random *random) {
    struct problem p = {.batch = random_int(random, 1, 2),
                        .kv_heads = random_int(random, 1, 3),
                        .rows = random_int(random, 1, 9),
                        .now = random_int(random, 1, 40),
                        .size = random_int(random, 1, 20),
                        .value_size = random_int(random, 1, 40),
                        .flat = random_int(random, 0, 1),
                        .causal = random_int(random, 0, 1),
                        .left = -1,
                        .right = -1};
    if (random_int(random, 0, 9) == 0) {
        p.rows = random_int(random, 60, 140);
        p.now = random_int(random, 200, 600);
    }
    p.heads = p.kv_heads * random_int(random, 1, 3);
    p.dtype = random_int(random, 0, 3) ? DTYPE_FLOAT : DTYPE_DOUBLE;
    p.past = random_int(random, 0, 2) ? 0 : random_int(random, 1, 40);
    p.lengths = p.past == 0 && random_int(random, 0, 2) == 0;
    p.keys = p.past + p.now;
    if (random_int(random, 0, 2) == 0)
        p.left = random_int(random, 0, 8);
    if (random_int(random, 0, 2) == 0)
        p.right = random_int(random, 0, 8);
    p.mask = (int)random_int(random, 0, 3);
    p.softcap = random_int(random, 0, 1) ? 0.5 : 0;
    p.scale = random_int(random, 0, 1) ? 0.75 : 0;
    p.inputs[0] = vectors(random, &p, p.heads, p.rows, p.size, p.flat);
    p.inputs[1] = vectors(random, &p, p.kv_heads, p.now, p.size, p.flat);
    p.inputs[2] = vectors(random, &p, p.kv_heads, p.now, p.value_size, p.flat);
    if (p.mask)
        random_mask(&p, random);
    if (p.past) {
        p.inputs[4] = vectors(random, &p, p.kv_heads, p.past, p.size, false);
        p.inputs[5] = vectors(random, &p, p.kv_heads, p.past, p.value_size, false);
    }
    if (p.lengths) {
        p.inputs[6] = test_tensor_shape(DTYPE_INT64, &(struct shape){1, {p.batch}});
        for (int64_t b = 0; b < p.batch; b++)
            ((int64_t *)p.inputs[6]->data)[b] = random_int(random, -1, p.keys + 1);
    }
    return p;
}

static double key_at(const struct problem *p, int input, int64_t size, int64_t b, int64_t h, int64_t key, int64_t i) {
    return key < p->past ? vector_at(p->inputs[input + 3], false, p->kv_heads, p->past, size, b, h, key, i)
                         : vector_at(p->inputs[input], p->flat, p->kv_heads, p->now, size, b, h, key - p->past, i);
}

/* What is added to a score; -INFINITY: not seen. */
static double bias_of(const struct problem *p, int64_t b, int64_t h, int64_t r, int64_t key) {
    int64_t length = p->lengths ? ((const int64_t *)p->inputs[6]->data)[b] : p->keys;
    length = length < 0 ? 0 : length > p->keys ? p->keys : length;
    const int64_t place = r + (p->lengths ? length - p->rows : p->past), right = p->causal ? 0 : p->right;
    if (key >= length || (right >= 0 && key > place + right) || (p->left >= 0 && key < place - p->left))
        return -INFINITY;
    if (!p->mask)
        return 0;
    const struct shape *m = &p->mask_shape;
    if (key >= m->dims[m->rank - 1])
        return -INFINITY;
    const int64_t index[4] = {b, h, r, key};
    int64_t at = 0;
    for (int d = 0; d < m->rank; d++)
        at = at * m->dims[d] + (m->dims[d] == 1 ? 0 : index[d + 4 - m->rank]);
    const double v = number_get(p->inputs[3], at);
    return p->mask != 1 ? v : v != 0 ? 0 : -INFINITY;
}

/* Scores of a row at all four stages. */
static void scores_of(const struct problem *p, int64_t b, int64_t h, int64_t r, double *stages[4]) {
    double largest = -INFINITY, sum = 0;
    for (int64_t key = 0; key < p->keys; key++) {
        double s = 0;
        for (int64_t i = 0; i < p->size; i++)
            s += vector_at(p->inputs[0], p->flat, p->heads, p->rows, p->size, b, h, r, i) *
                 key_at(p, 1, p->size, b, h / (p->heads / p->kv_heads), key, i);
        stages[0][key] = s *= p->scale != 0 ? p->scale : 1 / sqrt((double)p->size);
        stages[1][key] = s = p->softcap != 0 ? p->softcap * tanh(s / p->softcap) : s;
        stages[2][key] = s += bias_of(p, b, h, r, key);
        largest = fmax(largest, s);
    }
    for (int64_t key = 0; key < p->keys; key++)
        sum += stages[3][key] = largest == -INFINITY ? 0 : exp(stages[2][key] - largest);
    for (int64_t key = 0; key < p->keys && sum > 0; key++)
        stages[3][key] /= sum;
}

static void check_row(const struct problem *p, const struct tensor *y, const struct tensor *scores, int stage,
                      int64_t b, int64_t h, int64_t r, double *stages[4]) {
    scores_of(p, b, h, r, stages);
    for (int64_t key = 0; key < p->keys; key++)
        test_number(scores, ((b * p->heads + h) * p->rows + r) * p->keys + key, stages[stage][key], 60, 2e-6, "scores");
    for (int64_t i = 0; i < p->value_size; i++) {
        double sum = 0;
        for (int64_t key = 0; key < p->keys; key++)
            sum += stages[3][key] * key_at(p, 2, p->value_size, b, h / (p->heads / p->kv_heads), key, i);
        const int64_t at = p->flat ? ((b * p->rows + r) * p->heads + h) * p->value_size + i
                                   : ((b * p->heads + h) * p->rows + r) * p->value_size + i;
        test_number(y, at, sum, 60, p->dtype == DTYPE_FLOAT ? 3e-6 : 1e-14, "attention");
    }
}

/* The outputs when nobody wants scores are the same. */
static void check_without_scores(const struct problem *p, const struct test_node *node, const struct tensor *y) {
    struct tensor other, *outputs[] = {&other};
    struct test_node copy = *node;
    copy.node.output_count = 1;
    copy.node.inputs = copy.inputs;
    copy.node.outputs = copy.outputs;
    copy.node.attributes = copy.attributes;
    struct error err;
    assert_int_equal(op_evaluate(&copy.node, 25, (const struct tensor *const *)p->inputs, outputs, test_kernels(), 3,
                                 SIZE_MAX, &err),
                     STATUS_OK);
    for (int64_t i = 0; i < tensor_elements(y); i++)
        test_number(&other, i, number_get(y, i), 16, 1e-6, "without scores");
    free(other.data);
}

static void test_attention(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 5);
    for (int c = 0; c < test_cases(CASES); c++) {
        struct problem p = random_problem(&random);
        const int stage = c % 4;
        struct tensor y, present_k, present_v, scores, *outputs[] = {&y, &present_k, &present_v, &scores};
        double *stages[4];
        for (int s = 0; s < 4; s++)
            stages[s] = calloc((size_t)p.keys, sizeof(double));
        struct test_node node;
        test_node_init(&node, "Attention", 7, 4);
        test_node_int(&node, "is_causal", p.causal);
        test_node_int(&node, "qk_matmul_output_mode", stage);
        test_node_int(&node, "left_window_size", p.left);
        test_node_int(&node, "right_window_size", p.right);
        test_node_float(&node, "softcap", (float)p.softcap);
        if (p.scale != 0)
            test_node_float(&node, "scale", (float)p.scale);
        if (p.flat) {
            test_node_int(&node, "q_num_heads", p.heads);
            test_node_int(&node, "kv_num_heads", p.kv_heads);
        }
        test_evaluate(&node, 25, (const struct tensor *const *)p.inputs, outputs);
        for (int64_t i = 0; i < p.batch * p.heads * p.rows; i++)
            check_row(&p, &y, &scores, stage, i / p.rows / p.heads, i / p.rows % p.heads, i % p.rows, stages);
        for (int64_t i = 0; i < tensor_elements(&present_v); i++) {
            const int64_t key = i / p.value_size % p.keys, head = i / p.value_size / p.keys;
            test_number(&present_v, i,
                        key_at(&p, 2, p.value_size, head / p.kv_heads, head % p.kv_heads, key, i % p.value_size), 0, 0,
                        "present");
        }
        check_without_scores(&p, &node, &y);
        for (int s = 0; s < 4; s++) {
            free(stages[s]);
            free(outputs[s]->data);
        }
        for (int i = 0; i < 7; i++)
            if (p.inputs[i])
                test_tensor_free(p.inputs[i]);
    }
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *q = test_tensor(DTYPE_FLOAT, 4, 1, 3, 5, 4), *k = test_tensor(DTYPE_FLOAT, 4, 1, 2, 5, 4);
    struct tensor *flat = test_tensor(DTYPE_FLOAT, 3, 1, 5, 12), *mask = test_tensor(DTYPE_BOOL, 2, 5, 6);
    struct test_node node;
    test_node_init(&node, "Attention", 3, 1);
    test_run_fails(&node, 23, (const struct tensor *[]){q, k, k}, STATUS_SHAPE, "do not fit together");
    test_run_fails(&node, 23, (const struct tensor *[]){flat, flat, flat}, STATUS_SHAPE, "\"q_num_heads\", 0");
    test_run_fails(&node, 23, (const struct tensor *[]){mask, mask, mask}, STATUS_UNSUPPORTED, "bool");
    test_node_init(&node, "Attention", 4, 1);
    test_run_fails(&node, 23, (const struct tensor *[]){q, q, q, mask}, STATUS_SHAPE,
                   "does not broadcast to [1,3,5,5]");
    test_node_init(&node, "Attention", 5, 1);
    test_run_fails(&node, 23, (const struct tensor *[]){q, q, q, NULL, q}, STATUS_INVALID_MODEL, "go together");
    test_node_init(&node, "Attention", 3, 1);
    test_node_int(&node, "left_window_size", -2);
    test_run_fails(&node, 25, (const struct tensor *[]){q, q, q}, STATUS_INVALID_MODEL, "left_window_size");
    test_tensor_free(q);
    test_tensor_free(k);
    test_tensor_free(flat);
    test_tensor_free(mask);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
