/* tools/inpaint/laplace: beside Gaussian elimination in double, and beside functions that solve the equation. */
#include "tests/support/support.h"

#include "tools/inpaint/laplace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is wanted of 8 bits is half a step, 1/510; of 16 bits 1/131070. */
#define CLOSE 7e-6

static struct random source;

static double uniform(void) {
    return ((double)random_float(&source) + 1) / 2;
}

/* ---- small: elimination ---- */

#define MOST_SIDE 14

struct system {
    size_t count;
    int index[MOST_SIDE * MOST_SIDE];
    double a[MOST_SIDE * MOST_SIDE][MOST_SIDE * MOST_SIDE], b[MOST_SIDE * MOST_SIDE];
};

static void add_equation(struct system *s, const uint8_t *pixels, const float *values, size_t height, size_t width,
                         size_t i) {
    const ptrdiff_t steps[4][2] = {{0, 1}, {0, -1}, {1, 0}, {-1, 0}};
    const size_t row = (size_t)s->index[i];
    for (int k = 0; k < 4; k++) {
        const ptrdiff_t y = (ptrdiff_t)(i / width) + steps[k][0], x = (ptrdiff_t)(i % width) + steps[k][1];
        if (y < 0 || x < 0 || y >= (ptrdiff_t)height || x >= (ptrdiff_t)width)
            continue;
        const size_t j = (size_t)y * width + (size_t)x;
        if (pixels[j] == LAPLACE_NOTHING)
            continue;
        s->a[row][row] += 1;
        if (pixels[j] == LAPLACE_KNOWN)
            s->b[row] += (double)values[j];
        else
            s->a[row][s->index[j]] -= 1;
    }
}

/* Gauss and Jordan with pivots on the diagonal, which is dominant; rows without a way to what is known end as 0. */
static void eliminate(struct system *s) {
    for (size_t k = 0; k < s->count; k++) {
        if (fabs(s->a[k][k]) < 1e-9)
            continue;
        for (size_t i = 0; i < s->count; i++) {
            const double factor = i == k ? 0 : s->a[i][k] / s->a[k][k];
            for (size_t j = 0; factor != 0 && j < s->count; j++)
                s->a[i][j] -= factor * s->a[k][j];
            s->b[i] -= factor * s->b[k];
        }
    }
}

static bool leads_to_known(const uint8_t *pixels, size_t height, size_t width, uint8_t *reached) {
    bool changed = false;
    for (size_t i = 0; i < height * width; i++)
        for (size_t j = 0; j < height * width; j++) {
            const size_t dy = i / width > j / width ? i / width - j / width : j / width - i / width;
            const size_t dx = i % width > j % width ? i % width - j % width : j % width - i % width;
            if (dy + dx == 1 && pixels[i] == LAPLACE_UNKNOWN && !reached[i] &&
                (pixels[j] == LAPLACE_KNOWN || reached[j]))
                reached[i] = 1, changed = true;
        }
    return changed;
}

static void check_small(size_t height, size_t width, const uint8_t *pixels, int threads) {
    static struct system s;
    float values[MOST_SIDE * MOST_SIDE], given[MOST_SIDE * MOST_SIDE];
    uint8_t reached[MOST_SIDE * MOST_SIDE] = {0};
    struct error err;
    memset(&s, 0, sizeof s);
    while (leads_to_known(pixels, height, width, reached)) {
    }
    for (size_t i = 0; i < height * width; i++) {
        given[i] = values[i] = (float)(uniform() * 2 - 1);
        if (pixels[i] == LAPLACE_UNKNOWN && reached[i])
            s.index[i] = (int)s.count++;
    }
    uint8_t solvable[MOST_SIDE * MOST_SIDE];
    for (size_t i = 0; i < height * width; i++)
        solvable[i] = pixels[i] == LAPLACE_UNKNOWN && !reached[i] ? LAPLACE_NOTHING : pixels[i];
    for (size_t i = 0; i < height * width; i++)
        if (solvable[i] == LAPLACE_UNKNOWN)
            add_equation(&s, solvable, given, height, width, i);
    eliminate(&s);
    assert_int_equal(laplace_solve(pixels, height, width, values, 1, threads, &err), STATUS_OK);
    for (size_t i = 0; i < height * width; i++) {
        const size_t row = (size_t)s.index[i];
        const double wanted = pixels[i] != LAPLACE_UNKNOWN     ? (double)given[i]
                              : solvable[i] == LAPLACE_NOTHING ? 0
                                                               : s.b[row] / s.a[row][row];
        if (!(fabs((double)values[i] - wanted) < CLOSE))
            fail_msg("seed %llu: %zux%zu at %zu: %g, expected %g", (unsigned long long)test_seed(), height, width, i,
                     (double)values[i], wanted);
    }
}

static void random_shapes_equal_elimination(void **state) {
    (void)state;
    for (int run = 0; run < test_cases(60); run++) {
        const size_t height = (size_t)random_int(&source, 1, MOST_SIDE),
                     width = (size_t)random_int(&source, 1, MOST_SIDE);
        const double unknown = uniform(), nothing = run % 3 ? 0 : uniform() * 0.3;
        uint8_t pixels[MOST_SIDE * MOST_SIDE];
        for (size_t i = 0; i < height * width; i++)
            pixels[i] = uniform() < nothing ? LAPLACE_NOTHING : uniform() < unknown ? LAPLACE_UNKNOWN : LAPLACE_KNOWN;
        check_small(height, width, pixels, 1 + run % 3);
    }
}

static void the_edges_of_pictures_are_free(void **state) {
    (void)state;
    uint8_t pixels[MOST_SIDE * MOST_SIDE];
    memset(pixels, LAPLACE_UNKNOWN, sizeof pixels);
    check_small(9, 11, pixels, 2); /* nothing is known */
    pixels[40] = LAPLACE_KNOWN;
    check_small(9, 11, pixels, 2); /* one pixel is: all are as it */
    for (size_t i = 0; i < 11; i++)
        pixels[i] = pixels[55 + i] = LAPLACE_KNOWN;
    check_small(9, 11, pixels, 2); /* a hole that reaches three edges */
}

/* ---- large: x^2 - y^2 and xy are their own means of four neighbours ---- */

static double harmonic(size_t y, size_t x, size_t side) {
    const double v = (double)y / (double)side, u = (double)x / (double)side;
    return 0.7 * (u * u - v * v) + 0.3 * u * v - 0.1 * u;
}

/* Kinds of holes that leave the picture's edge alone. */
static bool is_hole(int kind, size_t y, size_t x, size_t side) {
    const double dy = (double)y - (double)side / 2, dx = (double)x - (double)side / 2, r = sqrt(dy * dy + dx * dx);
    if (y < 1 || x < 1 || y + 2 > side || x + 2 > side)
        return false;
    switch (kind) {
    case 0:
        return true;
    case 1: /* a ring with an island */
        return r < 0.48 * (double)side && r > 0.1 * (double)side;
    case 2: /* stripes of one pixel */
        return x % 2 && y % 7;
    case 3: /* specks */
        return (y * 7919 + x * 104729) % 5 < 3;
    default: /* a maze: corridors of three pixels with gaps */
        return x % 4 || (y % 64 < 4) == (x / 4 % 2 == 0);
    }
}

static void check_large(int kind, size_t side) {
    uint8_t *pixels = calloc(side, side);
    float *values = calloc(side, 2 * side * sizeof *values);
    assert_true(pixels && values);
    struct error err;
    double worst = 0;
    for (size_t i = 0; i < side * side; i++) {
        const bool hole = is_hole(kind, i / side, i % side, side);
        pixels[i] = hole ? LAPLACE_UNKNOWN : LAPLACE_KNOWN;
        values[i] = hole ? 0 : (float)harmonic(i / side, i % side, side);
        values[side * side + i] = hole ? 5 : -(float)harmonic(i / side, i % side, side);
    }
    assert_int_equal(laplace_solve(pixels, side, side, values, 2, 1, &err), STATUS_OK);
    for (size_t i = 0; i < side * side; i++) {
        const double wanted = harmonic(i / side, i % side, side);
        worst = fmax(worst, fabs((double)values[i] - wanted));
        worst = fmax(worst, fabs((double)values[side * side + i] + wanted));
    }
    if (!(worst < CLOSE))
        fail_msg("kind %d, side %zu: %g", kind, side, worst);
    free(pixels);
    free(values);
}

static void large_holes_are_exact(void **state) {
    (void)state;
    for (int kind = 0; kind < 5; kind++)
        check_large(kind, 257 + 64 * (size_t)kind + (size_t)random_int(&source, 0, 8));
}

static void the_same_bits_for_any_threads(void **state) {
    (void)state;
    enum { SIDE = 300 };
    static uint8_t pixels[SIDE * SIDE];
    static float first[SIDE * SIDE], again[SIDE * SIDE];
    struct error err;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        pixels[i] = is_hole(1, i / SIDE, i % SIDE, SIDE) ? LAPLACE_UNKNOWN : LAPLACE_KNOWN;
        first[i] = again[i] = (float)uniform();
    }
    assert_int_equal(laplace_solve(pixels, SIDE, SIDE, first, 1, 1, &err), STATUS_OK);
    assert_int_equal(laplace_solve(pixels, SIDE, SIDE, again, 1, 3, &err), STATUS_OK);
    assert_memory_equal(first, again, sizeof first);
}

int main(int argc, char **argv) {
    source = random_from(test_seed());
    if (argc > 1) { /* test_laplace SIDE: how long a large hole takes */
        check_large(0, (size_t)strtoul(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes_equal_elimination),
        cmocka_unit_test(the_edges_of_pictures_are_free),
        cmocka_unit_test(large_holes_are_exact),
        cmocka_unit_test(the_same_bits_for_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
