/* Einsum with random equations against the sum over all values of all labels. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "tests/support/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 250
#define LETTERS 6
#define RANK 5

struct equation {
    int operands, ranks[4], output_rank;
    int letters[4][RANK], output[LETTERS];
    int64_t sizes[LETTERS];
    char text[64];
};

static void add_letters(char *text, const int *letters, int count) {
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(text);
        text[length] = (char)('a' + letters[i]);
        text[length + 1] = 0;
    }
}

static struct equation random_equation(struct random *random) {
    struct equation e = {.operands = (int)random_int(random, 1, 4)};
    unsigned used = 0;
    for (int l = 0; l < LETTERS; l++)
        e.sizes[l] = random_int(random, 0, 7) ? random_int(random, 1, 4) : random_int(random, 9, 40);
    for (int i = 0; i < e.operands; i++) {
        e.ranks[i] = (int)random_int(random, 0, e.operands > 2 ? 2 : 3);
        for (int d = 0; d < e.ranks[i]; d++)
            used |= 1u << (e.letters[i][d] = (int)random_int(random, 0, LETTERS - 1));
        strcat(e.text, i ? "," : "");
        add_letters(e.text, e.letters[i], e.ranks[i]);
    }
    for (int l = LETTERS - 1; l >= 0; l--) /* in another order than the letters' */
        if ((used >> l & 1) && random_int(random, 0, 1))
            e.output[e.output_rank++] = l;
    strcat(e.text, "->");
    add_letters(e.text, e.output, e.output_rank);
    return e;
}

static struct shape shape_of(const struct equation *e, const int *letters, int rank) {
    struct shape shape = {.rank = rank};
    for (int d = 0; d < rank; d++)
        shape.dims[d] = e->sizes[letters[d]];
    return shape;
}

static int64_t place(const struct equation *e, const int *letters, int rank, const int64_t *values) {
    int64_t at = 0;
    for (int d = 0; d < rank; d++)
        at = at * e->sizes[letters[d]] + values[letters[d]];
    return at;
}

/* Adds the product at every value of every letter that occurs. */
static void reference(const struct equation *e, struct tensor **inputs, double *sums) {
    unsigned used = 0;
    int64_t count = 1;
    for (int i = 0; i < e->operands; i++)
        for (int d = 0; d < e->ranks[i]; d++)
            used |= 1u << e->letters[i][d];
    for (int l = 0; l < LETTERS; l++)
        count *= used >> l & 1 ? e->sizes[l] : 1;
    for (int64_t n = 0; n < count; n++) {
        int64_t values[LETTERS] = {0}, rest = n;
        double product = 1;
        for (int l = 0; l < LETTERS; l++)
            if (used >> l & 1) {
                values[l] = rest % e->sizes[l];
                rest /= e->sizes[l];
            }
        for (int i = 0; i < e->operands; i++)
            product *= number_get(inputs[i], place(e, e->letters[i], e->ranks[i], values));
        sums[place(e, e->output, e->output_rank, values)] += product;
    }
}

static void check_equation(const struct equation *e, enum dtype dtype, int opset, struct random *random) {
    struct tensor *inputs[4] = {0};
    for (int i = 0; i < e->operands; i++) {
        const struct shape shape = shape_of(e, e->letters[i], e->ranks[i]);
        inputs[i] = test_tensor_shape(dtype, &shape);
        number_fill(inputs[i], random, -2, 2);
    }
    struct test_node node;
    test_node_init(&node, "Einsum", e->operands, 1);
    test_node_text(&node, "equation", e->text);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *const *)inputs);
    const struct shape shape = shape_of(e, e->output, e->output_rank);
    assert_true(shape_equal(&y->shape, &shape));
    double *sums = calloc((size_t)tensor_elements(y) + 1, sizeof *sums);
    reference(e, inputs, sums);
    for (int64_t i = 0; i < tensor_elements(y); i++)
        test_number(y, i, sums[i], 60, 1e-3, e->text);
    free(sums);
    test_tensor_free(y);
    for (int i = 0; i < e->operands; i++)
        test_tensor_free(inputs[i]);
}

static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT64};

static void test_equations(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 4);
    for (int c = 0; c < test_cases(CASES); c++) {
        const struct equation e = random_equation(&random);
        check_equation(&e, types[c % 4], c % 2 ? 12 : 28, &random);
    }
}

/* The letters of a written equation, which has an output. */
static struct equation written_equation(const char *text, const int64_t sizes[LETTERS]) {
    struct equation e = {.operands = 1};
    bool output = false;
    for (const char *at = text; *at; at++)
        if (*at == ',')
            e.operands++;
        else if (*at == '>')
            output = true;
        else if (*at != '-' && output)
            e.output[e.output_rank++] = *at - 'a';
        else if (*at != '-')
            e.letters[e.operands - 1][e.ranks[e.operands - 1]++] = *at - 'a';
    memcpy(e.sizes, sizes, sizeof e.sizes);
    strcat(e.text, text);
    return e;
}

/* What networks for pictures ask for: sums whose neighbours in the result are of different products, with their numbers
 * side by side and apart, places that are dimensions side by side, and the same in another order. */
static void test_pictures(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        int64_t sizes[LETTERS];
    } cases[] = {{"adce,abdce->abce", {2, 3, 5, 7, 70, 1}}, {"adce,abdce->ebac", {2, 3, 5, 7, 20, 1}},
                 {"abcd,efa->efbcd", {4, 5, 6, 7, 2, 3}},   {"abcd,efa->fdecb", {4, 5, 6, 7, 2, 3}},
                 {"abcd,abcd->abc", {2, 9, 8, 6, 1, 1}},    {"abcd,abcd->cab", {2, 9, 8, 6, 1, 1}},
                 {"abde,cbde->acde", {1, 6, 9, 4, 5, 1}},   {"abcd,bcd->a", {9, 3, 4, 5, 1, 1}},
                 {"abcd,dbc->a", {9, 3, 4, 5, 1, 1}},       {"abcd,ab->dcba", {3, 4, 5, 9, 1, 1}}};
    struct random random = random_from(test_seed() + 8);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int t = 1; t < 4; t++) {
            const struct equation e = written_equation(cases[c].text, cases[c].sizes);
            check_equation(&e, types[t], 12, &random);
        }
}

/* "..." stands for leading dimensions, which broadcast; without "->" the letters that occur once are left. */
static void test_dots(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 6);
    struct tensor *a = test_tensor(DTYPE_FLOAT, 4, 2, 1, 3, 4), *b = test_tensor(DTYPE_FLOAT, 3, 5, 4, 6);
    number_fill(a, &random, -2, 2);
    number_fill(b, &random, -2, 2);
    static const char *const texts[] = {"...ij,...jk->...ik", "...ij, ...jk"};
    for (int t = 0; t < 2; t++) {
        struct test_node node;
        test_node_init(&node, "Einsum", 2, 1);
        test_node_text(&node, "equation", texts[t]);
        struct tensor *y = test_run_all_ways(&node, 12, (const struct tensor *[]){a, b});
        assert_true(shape_equal(&y->shape, &(struct shape){4, {2, 5, 3, 6}}));
        for (int64_t i = 0; i < 180; i++) {
            double sum = 0;
            for (int64_t j = 0; j < 4; j++)
                sum +=
                    number_get(a, (i / 90 * 3 + i / 6 % 3) * 4 + j) * number_get(b, (i / 18 % 5 * 4 + j) * 6 + i % 6);
            test_number(y, i, sum, 8, 1e-5, texts[t]);
        }
        test_tensor_free(y);
    }
    test_tensor_free(a);
    test_tensor_free(b);
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *a = test_tensor(DTYPE_FLOAT, 2, 3, 4), *b = test_tensor(DTYPE_FLOAT, 2, 3, 4);
    static const struct {
        const char *equation, *message;
        status code;
    } cases[] = {{"ij,jk->ik", "input 1 is [3,4], expected 4 in dimension 0", STATUS_SHAPE},
                 {"ij->i", "not for 2 operands", STATUS_INVALID_MODEL},
                 {"ij,ij,ij->i", "not for 2 operands", STATUS_INVALID_MODEL},
                 {"ij,ijk->i", "input 1 has rank 2", STATUS_SHAPE},
                 {"ij,i->i", "input 1 has rank 2", STATUS_SHAPE},
                 {"ij,ij->k", "in no operand", STATUS_INVALID_MODEL},
                 {"ij,ij->ii", "twice", STATUS_INVALID_MODEL},
                 {"i1,ij->i", "where a letter was expected", STATUS_INVALID_MODEL},
                 {"ij,ij-i", "\"->\" was expected", STATUS_INVALID_MODEL},
                 {"ij,ij->i,j", "goes on", STATUS_INVALID_MODEL},
                 {"abcdefghi,ij->i", "more than 8 letters", STATUS_LIMIT}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct test_node node;
        test_node_init(&node, "Einsum", 2, 1);
        test_node_text(&node, "equation", cases[c].equation);
        test_run_fails(&node, 12, (const struct tensor *[]){a, b}, cases[c].code, cases[c].message);
    }
    test_tensor_free(a);
    test_tensor_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equations), cmocka_unit_test(test_pictures),
                                       cmocka_unit_test(test_dots), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
