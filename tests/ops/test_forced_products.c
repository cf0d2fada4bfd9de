/*
 * Every way of a product, forced (ops/core/forced_choices.h) on every number of rows, columns and depths that its tiles
 * leave over: against double precision, and the same bits with 1, 2 and 3 threads. A table counts the runs of every way
 * by the sizes and what else there is; a legal cell that was not run fails. test_product_ways.c has other forms of
 * batches at random.
 */
#include "tests/support/node_call.h"

#include "ops/core/forced_choices.h"
#include "ops/matmul/product.h"
#include "ops/weights/weight_cache.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 3
/* Errors over the sum of the absolute terms; the second one also where a number far above all others meets every
 * rounding behind it. */
#define BOUND 5e-7
#define LOOSE_BOUND 4e-6

/* Ways of a product (ops/matmul/product.h), panels by the side that is packed beforehand. */
enum way { WAY_LEFT, WAY_RIGHT, WAY_NOW, WAY_ROWS, WAY_COLUMNS, WAY_TILES, WAY_NARROW, WAY_BLOCKS, WAY_STRASSEN, WAYS };

/* What a product may have besides. */
enum {
    SCALED = 1,   /* alpha */
    ADDED = 2,    /* a third matrix */
    TURNED_A = 4, /* these four are Gemm's */
    TURNED_B = 8,
    BATCH = 16,  /* matrices of both sides */
    SHARED = 32, /* one right side for all left ones */
    SPOILT = 64, /* numbers far above all others, or not finite */
};
#define GEMM (SCALED | ADDED | TURNED_A | TURNED_B)
#define ANY (GEMM | BATCH | SHARED | SPOILT)

struct span {
    int low, high;
};

/* What a way is demanded of: sizes, what is allowed, what is constant. */
static const struct way_row {
    const char *name;
    enum product_way product;
    struct span m, n, k;
    unsigned may;
    bool constant_a, constant_b;
} ways[WAYS] = {
    [WAY_LEFT] = {"panels, left side", PRODUCT_PANELS, {1, 400}, {1, 400}, {1, 4000}, ANY, true, false},
    [WAY_RIGHT] = {"panels, right side", PRODUCT_PANELS, {1, 400}, {1, 400}, {1, 4000}, ANY, false, true},
    [WAY_NOW] = {"panels, in every run", PRODUCT_PANELS, {1, 400}, {1, 400}, {1, 4000}, ANY, false, false},
    [WAY_ROWS] = {"rows", PRODUCT_ROWS, {1, 3}, {8, 400}, {1, 4000}, SCALED | ADDED | BATCH | SPOILT, false, false},
    [WAY_COLUMNS] = {"columns", PRODUCT_COLUMNS, {1, 400}, {1, 7}, {1, 4000}, ANY, false, false},
    [WAY_TILES] = {"tiles", PRODUCT_TILES, {1, 400}, {8, 400}, {1, 600}, ANY, false, false},
    [WAY_NARROW] = {"tiles, constant", PRODUCT_TILES, {1, 400}, {8, 400}, {1, 600}, ANY, false, true},
    [WAY_BLOCKS] = {"channel blocks", PRODUCT_PACKED, {1, 400}, {1, 400}, {1, 4000}, ANY & ~TURNED_A, false, true},
    [WAY_STRASSEN] = {"Strassen", PRODUCT_PACKED, {2, 400}, {113, 400}, {32, 4000}, SHARED | SPOILT, false, true},
};

enum axis { AXIS_M, AXIS_N, AXIS_K, EXTRA };

/* The numbers of a column are all tried. */
static const struct column {
    const char *name;
    enum axis axis;
    struct span span;
    unsigned extra;
} columns[] = {
    {"1 row", AXIS_M, {1, 1}, 0},
    {"2 or 3 rows", AXIS_M, {2, 3}, 0},
    {"4 to 32 rows", AXIS_M, {4, 32}, 0},
    {"190 to 197 rows", AXIS_M, {190, 197}, 0},
    {"1 to 7 columns", AXIS_N, {1, 7}, 0},
    {"8 to 70 columns", AXIS_N, {8, 70}, 0},
    {"113 to 147 columns", AXIS_N, {113, 147}, 0},
    {"254 to 275 columns", AXIS_N, {254, 275}, 0},
    {"1 to 15 depths", AXIS_K, {1, 15}, 0},
    {"16 to 50 depths", AXIS_K, {16, 50}, 0},
    {"126 to 130 depths", AXIS_K, {126, 130}, 0},
    {"255 to 275 depths", AXIS_K, {255, 275}, 0},
    {"1022 to 1042 depths", AXIS_K, {1022, 1042}, 0},
    {"2047 to 2065 depths", AXIS_K, {2047, 2065}, 0},
    {"alpha", EXTRA, {1, 8}, SCALED},
    {"C", EXTRA, {1, 8}, ADDED},
    {"A turned", EXTRA, {1, 8}, TURNED_A},
    {"B turned", EXTRA, {1, 8}, TURNED_B},
    {"a batch", EXTRA, {1, 8}, BATCH},
    {"a batch by one right side", EXTRA, {1, 8}, SHARED},
    {"not finite", EXTRA, {1, 16}, SPOILT},
};
#define COLUMNS ((int)(sizeof columns / sizeof columns[0]))

static int runs[WAYS][COLUMNS];
static double worst[WAYS]; /* error over the bound */

/* ---- a case ---- */

struct product_case {
    enum way way;
    int size[3]; /* rows, columns, depths */
    int batch;
    unsigned extra;
    float alpha, beta;
    struct tensor *a, *b, *c; /* c: NULL without */
    struct forced_choices forced;
    struct kernels kernels;
    char text[256];
};

static int clamp(int64_t number, const struct span *span) {
    return (int)(number < span->low ? span->low : number > span->high ? span->high : number);
}

static bool has(const struct product_case *p, unsigned extra) {
    return p->extra & extra;
}

/* One of those that are allowed, and that go together. */
static unsigned some_extra(const struct way_row *row, struct random *random) {
    unsigned extra = row->may & (unsigned)random_int(random, 0, 127);
    if (extra & GEMM || !random_int(random, 0, 2))
        extra &= ~(unsigned)(BATCH | SHARED);
    if (extra & BATCH)
        extra &= ~(unsigned)SHARED;
    return random_int(random, 0, 2) ? extra & ~(unsigned)SPOILT : extra;
}

static void demand(struct product_case *p, const struct column *column, int number) {
    if (column->axis != EXTRA) {
        p->size[column->axis] = number;
        return;
    }
    const unsigned apart = column->extra & GEMM ? BATCH | SHARED : column->extra == SPOILT ? 0 : GEMM | BATCH | SHARED;
    p->extra = (p->extra & ~apart) | column->extra;
}

static struct tensor *matrices(int count, int rows, int columns_of_it, bool turned, struct random *random) {
    struct tensor *tensor =
        count ? test_tensor(DTYPE_FLOAT, 3, count, rows, columns_of_it)
              : test_tensor(DTYPE_FLOAT, 2, turned ? columns_of_it : rows, turned ? rows : columns_of_it);
    test_fill(tensor, random);
    return tensor;
}

/* C of Gemm, in each form that broadcasts. */
static struct tensor *added_matrix(const struct product_case *p, struct random *random) {
    const int m = p->size[0], n = p->size[1];
    struct tensor *forms[] = {test_tensor(DTYPE_FLOAT, 2, m, n), test_tensor(DTYPE_FLOAT, 2, 1, n),
                              test_tensor(DTYPE_FLOAT, 2, m, 1), test_tensor(DTYPE_FLOAT, 1, n),
                              test_tensor(DTYPE_FLOAT, 0)};
    const int64_t chosen = random_int(random, 0, 4);
    for (int64_t i = 0; i < 5; i++)
        if (i != chosen)
            test_tensor_free(forms[i]);
    test_fill(forms[chosen], random);
    return forms[chosen];
}

/* Numbers of A that are far above all others, or not finite. */
static void spoil(const struct product_case *p, struct random *random) {
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, -1e20f, 1e10f, 65504, -1000, 30};
    for (int i = 0; i < random_int(random, 1, 4); i++)
        ((float *)p->a->data)[random_int(random, 0, tensor_elements(p->a) - 1)] = values[random_int(random, 0, 8)];
}

static void fill_case(struct product_case *p, struct random *random) {
    const struct way_row *row = &ways[p->way];
    const bool gemm = has(p, GEMM), flat = gemm || (p->batch == 1 && !row->constant_a && random_int(random, 0, 1));
    const int m = p->size[0], n = p->size[1], k = p->size[2];
    p->a = matrices(flat && p->way != WAY_STRASSEN ? 0 : p->batch, m, k, has(p, TURNED_A), random);
    p->b = matrices(has(p, BATCH) ? p->batch : 0, k, n, has(p, TURNED_B), random);
    p->c = has(p, ADDED) ? added_matrix(p, random) : NULL;
    p->a->constant = row->constant_a;
    p->b->constant = row->constant_b;
    if (has(p, SPOILT))
        spoil(p, random);
    snprintf(p->text, sizeof p->text, "seed %llu, %s: %d of [%d,%d] by [%d,%d], %s, extra %x, pairs %lld, k-block %lld",
             (unsigned long long)test_seed(), row->name, p->batch, m, k, k, n, gemm ? "Gemm" : "MatMul", p->extra,
             (long long)p->forced.pairs, (long long)p->forced.halves_k_block);
}

/* `column` NULL: any case of the way. */
static struct product_case make_case(enum way way, const struct column *column, int number, struct random *random) {
    const struct way_row *row = &ways[way];
    struct product_case p = {.way = way,
                             .size = {clamp(random_int(random, 1, 21), &row->m),
                                      clamp(random_int(random, 1, 80), &row->n),
                                      clamp(random_int(random, 1, 70), &row->k)},
                             .extra = some_extra(row, random),
                             .alpha = 1,
                             .beta = 1,
                             .kernels = *test_kernels()};
    if (column)
        demand(&p, column, number);
    p.batch = has(&p, BATCH | SHARED) ? (int)random_int(random, 2, 3) : 1;
    p.alpha = has(&p, SCALED) ? 0.75f : 1;
    p.beta = random_int(random, 0, 1) ? 1 : -2;
    if (way == WAY_STRASSEN)
        p.forced = (struct forced_choices){.strassen = FORCED_YES,
                                           .pairs = random_int(random, 0, 1) ? random_int(random, 1, 40) : 0,
                                           .halves_k_block = random_int(random, 0, 1) ? random_int(random, 1, 3) : 0};
    p.forced.product = 1 + (int)row->product;
    fill_case(&p, random);
    return p;
}

static void free_case(struct product_case *p) {
    test_tensor_free(p->a);
    test_tensor_free(p->b);
    if (p->c)
        test_tensor_free(p->c);
}

/* ---- the reference ---- */

struct expected {
    size_t count;
    double *y, *sizes; /* sums of the absolute terms that are finite */
};

static double added_number(const struct product_case *p, int64_t row, int64_t column) {
    const struct shape *shape = &p->c->shape;
    const int64_t width = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1,
                  height = shape->rank > 1 ? shape->dims[0] : 1;
    return (double)((const float *)p->c->data)[(height > 1 ? row : 0) * width + (width > 1 ? column : 0)];
}

static void reference_row(const struct product_case *p, int64_t matrix, int64_t row, double *y, double *sizes) {
    const int64_t m = p->size[0], n = p->size[1], k = p->size[2];
    const float *a = (const float *)p->a->data + matrix * m * k;
    const float *b = (const float *)p->b->data + (has(p, BATCH) ? matrix * k * n : 0);
    for (int64_t d = 0; d < k; d++) {
        const double left = (double)p->alpha * (double)(has(p, TURNED_A) ? a[d * m + row] : a[row * k + d]);
        for (int64_t j = 0; j < n; j++) {
            const double term = left * (double)(has(p, TURNED_B) ? b[j * k + d] : b[d * n + j]);
            y[j] += term;
            sizes[j] += isfinite(term) ? fabs(term) : 0;
        }
    }
    for (int64_t j = 0; p->c && j < n; j++) {
        const double term = (double)p->beta * added_number(p, row, j);
        y[j] += term;
        sizes[j] += fabs(term);
    }
}

static struct expected reference(const struct product_case *p) {
    const int64_t n = p->size[1], rows = (int64_t)p->batch * p->size[0];
    struct expected e = {.count = (size_t)(rows * n)};
    e.y = calloc(e.count, sizeof *e.y);
    e.sizes = calloc(e.count, sizeof *e.sizes);
    assert_true(e.y && e.sizes);
    for (int64_t row = 0; row < rows; row++)
        reference_row(p, row / p->size[0], row % p->size[0], e.y + row * n, e.sizes + row * n);
    return e;
}

/* ---- a run ---- */

static status prepare(struct node_call *call, const struct product_case *p, struct kernels *kernels, int threads,
                      struct weight_cache *weights) {
    struct test_node node;
    const struct tensor *inputs[] = {p->a, p->b, p->c};
    kernels->forced = &p->forced;
    if (!has(p, GEMM)) {
        test_node_init(&node, "MatMul", 2, 1);
        return node_call_prepare(call, &node, 13, inputs, kernels, threads, weights);
    }
    test_node_init(&node, "Gemm", p->c ? 3 : 2, 1);
    test_node_int(&node, "transA", has(p, TURNED_A));
    test_node_int(&node, "transB", has(p, TURNED_B));
    test_node_float(&node, "alpha", p->alpha);
    test_node_float(&node, "beta", p->beta);
    return node_call_prepare(call, &node, 13, inputs, kernels, threads, weights);
}

/* Whether the product is made as its row says. */
static bool is_made_so(const struct product_case *p, const struct product_state *state) {
    const struct way_row *row = &ways[p->way];
    if (state->way != row->product || state->strassen != (p->way == WAY_STRASSEN))
        return false;
    const bool packed = row->constant_b || (row->constant_a && row->product == PRODUCT_PANELS);
    return (state->packed != NULL) == (packed && !(p->way == WAY_NARROW && has(p, BATCH))) &&
           (row->product != PRODUCT_PANELS || !packed || state->b_packed == row->constant_b);
}

static float *run(struct product_case *p, int threads) {
    struct node_call call;
    struct weight_cache *weights = weight_cache_create();
    if (prepare(&call, p, &p->kernels, threads, weights) != STATUS_OK)
        fail_msg("%s: %s", p->text, call.err.message);
    if (!is_made_so(p, call.call.state))
        fail_msg("%s: made otherwise", p->text);
    node_call_run(&call);
    float *y = call.output.data;
    node_call_close(&call);
    weight_cache_destroy(weights);
    return y;
}

/* An error in parts of what is allowed; fails where it is more. Sums that leave the range of floats are not looked at.
 */
static double check_number(const struct product_case *p, const struct expected *e, size_t i, float y, double bound) {
    const double expected = e->y[i], error = fabs((double)y - expected) / (bound * e->sizes[i] + 1e-37);
    const bool finite = isfinite(expected);
    const bool right = finite ? error <= 1 : isnan(expected) ? isnan(y) : (double)y == expected;
    if (!right && !(e->sizes[i] > 1e37))
        fail_msg("%s: row %zu, column %zu is %.9g, expected %.9g (of %g)", p->text, i / (size_t)p->size[1],
                 i % (size_t)p->size[1], (double)y, expected, e->sizes[i]);
    return finite && right ? error : 0;
}

static void check(struct product_case *p, bool all_threads) {
    const struct expected e = reference(p);
    const double bound = p->way == WAY_STRASSEN || has(p, SPOILT) ? LOOSE_BOUND : BOUND;
    float *first = run(p, 1);
    for (size_t i = 0; i < e.count; i++) {
        const double error = check_number(p, &e, i, first[i], bound);
        worst[p->way] = error > worst[p->way] ? error : worst[p->way];
    }
    for (int threads = 2; threads <= THREADS && all_threads; threads++) {
        float *y = run(p, threads);
        if (memcmp(y, first, e.count * sizeof *y) != 0)
            fail_msg("%s: other bits with %d threads", p->text, threads);
        free(y);
    }
    free(first);
    free(e.y);
    free(e.sizes);
}

/* ---- the table ---- */

static const struct span *span_of(const struct way_row *row, enum axis axis) {
    return axis == AXIS_M ? &row->m : axis == AXIS_N ? &row->n : &row->k;
}

static bool is_legal(enum way way, const struct column *column) {
    const struct way_row *row = &ways[way];
    if (column->axis == EXTRA)
        return row->may & column->extra;
    const struct span *span = span_of(row, column->axis);
    return column->span.low <= span->high && column->span.high >= span->low;
}

static void count(const struct product_case *p) {
    for (int i = 0; i < COLUMNS; i++) {
        const struct column *column = &columns[i];
        const int number = column->axis == EXTRA ? 0 : p->size[column->axis];
        runs[p->way][i] +=
            column->axis == EXTRA ? has(p, column->extra) : number >= column->span.low && number <= column->span.high;
    }
}

/* All numbers of the column, or so many of them as there are cases, one after the other from any one on. */
static void run_cell(enum way way, const struct column *column, struct random *random) {
    struct span span = column->span;
    if (column->axis != EXTRA) {
        span.low = clamp(span.low, span_of(&ways[way], column->axis));
        span.high = clamp(span.high, span_of(&ways[way], column->axis));
    }
    const int width = span.high - span.low + 1, begin = (int)random_int(random, 0, width - 1);
    for (int i = 0; i < test_cases(width) && i < width; i++) {
        struct product_case p = make_case(way, column, span.low + (begin + i) % width, random);
        check(&p, i % 3 == 0);
        count(&p);
        free_case(&p);
    }
}

static void print_table(void) {
    printf("Runs of every way, seed %llu (\".\": there is none). Columns:\n", (unsigned long long)test_seed());
    for (int c = 0; c < COLUMNS; c++)
        printf("  %2d %s\n", c, columns[c].name);
    printf("%-22s", "");
    for (int c = 0; c < COLUMNS; c++)
        printf(" %3d", c);
    printf("  error/bound\n");
    for (int w = 0; w < WAYS; w++) {
        printf("%-22s", ways[w].name);
        for (int c = 0; c < COLUMNS; c++)
            if (is_legal((enum way)w, &columns[c]) || runs[w][c])
                printf(" %3d", runs[w][c]);
            else
                printf("   .");
        printf("  %.2f\n", worst[w]);
    }
}

static void test_ways(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 93);
    int empty = 0;
    for (int w = 0; w < WAYS; w++)
        for (int c = 0; c < COLUMNS; c++)
            if (is_legal((enum way)w, &columns[c]))
                run_cell((enum way)w, &columns[c], &random);
    print_table();
    for (int w = 0; w < WAYS; w++)
        for (int c = 0; c < COLUMNS; c++)
            empty += is_legal((enum way)w, &columns[c]) && runs[w][c] == 0;
    if (empty)
        fail_msg("%d legal cells were never run (seed %llu)", empty, (unsigned long long)test_seed());
}

/* ---- what Strassen's algorithm is not for ---- */

static void refuse(struct product_case *p) {
    struct weight_cache *weights = weight_cache_create();
    struct node_call call;
    assert_int_equal(prepare(&call, p, &p->kernels, 1, weights), STATUS_UNSUPPORTED);
    node_call_close(&call);
    weight_cache_destroy(weights);
    free_case(p);
}

/* Nothing to halve in one of the dimensions. */
static void test_refused_sizes(void **unused) {
    (void)unused;
    static const int sizes[][3] = {{1, 128, 64}, {2, 128, 31}, {2, 112, 64}};
    struct random random = random_from(test_seed() + 94);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct product_case p = {.way = WAY_STRASSEN, .batch = 2, .kernels = *test_kernels()};
        memcpy(p.size, sizes[i], sizeof p.size);
        p.forced = (struct forced_choices){.strassen = FORCED_YES, .product = 1 + PRODUCT_PACKED};
        fill_case(&p, &random);
        refuse(&p);
    }
}

/* A constant with such numbers. */
static void test_refused_constants(void **unused) {
    (void)unused;
    static const float values[] = {NAN, INFINITY, 1e10f};
    struct random random = random_from(test_seed() + 95);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct product_case p = make_case(WAY_STRASSEN, NULL, 0, &random);
        ((float *)p.b->data)[random_int(&random, 0, tensor_elements(p.b) - 1)] = values[i];
        refuse(&p);
    }
}

/* With more threads than processors, threads that spin while they wait would take most of the time. */
int main(int argument_count, char **arguments) {
    (void)argument_count;
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        execv("/proc/self/exe", arguments);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways), cmocka_unit_test(test_refused_sizes),
                                       cmocka_unit_test(test_refused_constants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
