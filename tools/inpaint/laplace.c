#include "tools/inpaint/laplace.h"

#include "base/checked.h"
#include "base/thread_team.h"
#include "tools/inpaint/multigrid.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_ENOUGH 4e-6 /* half a step of 16 bits, by what the preconditioner takes for the error */
#define MOST_STEPS 400

/* A system and the vectors of conjugate gradients. */
struct solver {
    size_t height, width;
    uint8_t *pixels; /* unknown ones that cannot be known are nothing */
    struct multigrid grid;
    double *x, *r, *p, *q; /* p lies in p_memory, with zeros round it as the grid's arrays have them */
    double *p_memory;
    double *row_sums, *row_most;
    double factor; /* of the step at hand */
    int threads;
};

/* ---- what can be known ---- */

/* Calls for the up to four neighbours of pixel i. */
static int neighbours_of(size_t height, size_t width, size_t i, size_t out[4]) {
    const size_t y = i / width, x = i % width;
    int count = 0;
    if (x > 0)
        out[count++] = i - 1;
    if (x + 1 < width)
        out[count++] = i + 1;
    if (y > 0)
        out[count++] = i - width;
    if (y + 1 < height)
        out[count++] = i + width;
    return count;
}

/* Marks in `reached` the unknown pixels that a way leads to from a known one. stack: room for all pixels. */
static void spread(const struct solver *s, uint8_t *reached, size_t *stack) {
    size_t count = 0, near[4];
    for (size_t i = 0; i < s->height * s->width; i++)
        if (s->pixels[i] == LAPLACE_KNOWN)
            stack[count++] = i;
    while (count) {
        const int near_count = neighbours_of(s->height, s->width, stack[--count], near);
        for (int k = 0; k < near_count; k++)
            if (s->pixels[near[k]] == LAPLACE_UNKNOWN && !reached[near[k]]) {
                reached[near[k]] = 1;
                stack[count++] = near[k];
            }
    }
}

static status drop_unreached(struct solver *s, struct error *err) {
    const size_t count = s->height * s->width;
    uint8_t *reached = calloc(count, 1);
    size_t *stack = calloc(count, sizeof *stack);
    if (reached && stack)
        spread(s, reached, stack);
    for (size_t i = 0; reached && stack && i < count; i++)
        if (s->pixels[i] == LAPLACE_UNKNOWN && !reached[i])
            s->pixels[i] = LAPLACE_NOTHING;
    const bool good = reached && stack;
    free(reached);
    free(stack);
    return good ? STATUS_OK : fail_memory(err, "a grid");
}

static void fill_finest(struct solver *s) {
    struct grid_level *level = &s->grid.levels[0];
    size_t near[4];
    for (size_t i = 0; i < s->height * s->width; i++) {
        if (s->pixels[i] != LAPLACE_UNKNOWN)
            continue;
        const int count = neighbours_of(s->height, s->width, i, near);
        for (int k = 0; k < count; k++)
            level->diagonal[i] += s->pixels[near[k]] != LAPLACE_NOTHING;
        level->right[i] = i % s->width + 1 < s->width && s->pixels[i + 1] == LAPLACE_UNKNOWN;
        level->down[i] = i / s->width + 1 < s->height && s->pixels[i + s->width] == LAPLACE_UNKNOWN;
    }
}

/* ---- opening ---- */

static status solver_open(struct solver *s, const uint8_t *pixels, struct error *err) {
    size_t count;
    if (!size_mul(s->height, s->width, &count) || !(s->pixels = malloc(count)))
        return fail_memory(err, "a grid");
    memcpy(s->pixels, pixels, count);
    double **const arrays[] = {&s->x, &s->r, &s->p_memory, &s->q};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        if (!(*arrays[i] = calloc(count + 2 * (s->width + 1), sizeof(double))))
            return fail_memory(err, "a grid");
    s->p = s->p_memory + s->width + 1;
    s->row_sums = calloc(s->height, sizeof *s->row_sums);
    s->row_most = calloc(s->height, sizeof *s->row_most);
    if (!s->row_sums || !s->row_most)
        return fail_memory(err, "a grid");
    status code = drop_unreached(s, err);
    if (!code)
        code = multigrid_open(&s->grid, s->height, s->width, s->threads, err);
    if (!code)
        fill_finest(s);
    return code ? code : multigrid_build(&s->grid, err);
}

static void solver_close(struct solver *s) {
    multigrid_close(&s->grid);
    free(s->pixels);
    free(s->x);
    free(s->r);
    free(s->p_memory);
    free(s->q);
    free(s->row_sums);
    free(s->row_most);
}

/* ---- vectors; sums are added up by rows, in the same order whatever the threads ---- */

static void each_row(struct solver *s, team_range_body *body) {
    team_for(s->height * s->width < 40000 ? 1 : s->threads, (int64_t)s->height, body, s);
}

static double sum_of(const struct solver *s) {
    double sum = 0;
    for (size_t y = 0; y < s->height; y++)
        sum += s->row_sums[y];
    return sum;
}

/* q = A p, and p . q */
static void multiply_rows(void *context, int64_t first, int64_t end) {
    struct solver *s = context;
    const struct grid_level *level = &s->grid.levels[0];
    const size_t width = s->width;
    for (size_t y = (size_t)first; y < (size_t)end; y++) {
        double sum = 0;
        for (size_t x = 0; x < width; x++) {
            const size_t i = y * width + x;
            const double *p = s->p + i;
            const float *right = level->right + i, *down = level->down + i;
            const double q = (double)level->diagonal[i] * p[0] - (double)right[-1] * p[-1] - (double)right[0] * p[1] -
                             (double)*(down - width) * *(p - width) - (double)down[0] * p[width];
            s->q[i] = q;
            sum += q * p[0];
        }
        s->row_sums[y] = sum;
    }
}

/* x += factor p, r -= factor q, and r into the cycle */
static void step_rows(void *context, int64_t first, int64_t end) {
    struct solver *s = context;
    float *b = s->grid.levels[0].b;
    for (size_t i = (size_t)first * s->width; i < (size_t)end * s->width; i++) {
        s->x[i] += s->factor * s->p[i];
        s->r[i] -= s->factor * s->q[i];
        b[i] = (float)s->r[i];
    }
}

/* r . z, and the largest of z */
static void dot_rows(void *context, int64_t first, int64_t end) {
    struct solver *s = context;
    const float *z = s->grid.levels[0].x;
    for (size_t y = (size_t)first; y < (size_t)end; y++) {
        double sum = 0, most = 0;
        for (size_t i = y * s->width; i < (y + 1) * s->width; i++) {
            sum += s->r[i] * (double)z[i];
            const double size = fabs((double)z[i]);
            most = size > most ? size : most;
        }
        s->row_sums[y] = sum;
        s->row_most[y] = most;
    }
}

/* p = z + factor p */
static void turn_rows(void *context, int64_t first, int64_t end) {
    struct solver *s = context;
    const float *z = s->grid.levels[0].x;
    for (size_t i = (size_t)first * s->width; i < (size_t)end * s->width; i++)
        s->p[i] = (double)z[i] + s->factor * s->p[i];
}

/* ---- conjugate gradients ---- */

static double most_of(const struct solver *s) {
    double most = 0;
    for (size_t y = 0; y < s->height; y++)
        most = fmax(most, s->row_most[y]);
    return most;
}

/* r = b: what the known neighbours give. */
static void begin(struct solver *s, const float *values) {
    size_t near[4];
    for (size_t i = 0; i < s->height * s->width; i++) {
        double sum = 0;
        const int count = s->pixels[i] == LAPLACE_UNKNOWN ? neighbours_of(s->height, s->width, i, near) : 0;
        for (int k = 0; k < count; k++)
            sum += s->pixels[near[k]] == LAPLACE_KNOWN ? (double)values[near[k]] : 0;
        s->x[i] = s->p[i] = s->q[i] = 0;
        s->r[i] = sum;
    }
}

/* False where so many steps do not suffice. */
static bool iterate(struct solver *s) {
    double before = 0;
    s->factor = 0;
    for (int step = 0; step < MOST_STEPS; step++) {
        each_row(s, step_rows);
        multigrid_cycle(&s->grid);
        each_row(s, dot_rows);
        const double now = sum_of(s);
        if (most_of(s) < CLOSE_ENOUGH)
            return true;
        s->factor = before > 0 ? now / before : 0;
        each_row(s, turn_rows);
        each_row(s, multiply_rows);
        const double curvature = sum_of(s);
        if (!(curvature > 0))
            return false;
        s->factor = now / curvature;
        before = now;
    }
    return false;
}

static status solve_plane(struct solver *s, const uint8_t *pixels, float *values, struct error *err) {
    begin(s, values);
    if (!iterate(s))
        return fail(err, STATUS_LIMIT, "blending did not settle");
    for (size_t i = 0; i < s->height * s->width; i++)
        if (pixels[i] == LAPLACE_UNKNOWN)
            values[i] = (float)s->x[i];
    return STATUS_OK;
}

status laplace_solve(const uint8_t *pixels, size_t height, size_t width, float *values, int planes, int threads,
                     struct error *err) {
    struct solver s = {.height = height, .width = width, .threads = threads};
    status code = solver_open(&s, pixels, err);
    for (int k = 0; !code && k < planes; k++)
        code = solve_plane(&s, pixels, values + (size_t)k * height * width, err);
    solver_close(&s);
    return code;
}
