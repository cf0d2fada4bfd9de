/*
 * One walk from the top down: row y is smoothed, then row y - 1 has its gradient, then row y - 2 is thinned. So only a
 * few rows of doubles are held, however large the picture is.
 */
#include "tools/inpaint/canny.h"

#include "base/checked.h"
#include "tools/inpaint/gaussian.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { EDGE_NONE = 0, EDGE_WEAK = 1, EDGE_STRONG = 2, EDGE_FOUND = 3 };

/* The last `rows` rows of something. */
struct ring {
    double *data;
    size_t rows, width;
};

struct detector {
    const struct canny_source *source;
    const struct canny_options *options;
    size_t width, height, radius;
    double *weights, *full;   /* of the Gaussian */
    struct ring light, shown; /* what is smoothed: the picture, and 1 where it is looked at */
    double *padded;           /* a row with zeroes round it, for the pass along the row */
    double *line, *share;     /* one row smoothed: of light, of shown */
    double *spread;           /* a row for the gradients */
    struct ring smooth;       /* three rows */
    struct ring down, right;  /* the gradient's parts */
    struct ring magnitude;    /* and its length: three rows */
    size_t read;              /* rows of the source that were read */
    double low;               /* the low threshold as it is used */
    uint8_t *edges;
};

static bool ring_create(struct ring *ring, size_t rows, size_t width) {
    size_t count;
    *ring = (struct ring){NULL, rows, width};
    if (size_mul(rows, width, &count))
        ring->data = calloc(count, sizeof *ring->data);
    return ring->data != NULL;
}

static double *ring_row(const struct ring *ring, size_t y) {
    return ring->data + y % ring->rows * ring->width;
}

/* ---- smoothing ---- */

static void read_row(struct detector *d, size_t y) {
    double *light = ring_row(&d->light, y), *shown = ring_row(&d->shown, y);
    d->source->row(d->source->picture, y, light);
    const uint8_t *hole = d->source->hole ? d->source->hole + y * d->width : NULL;
    for (size_t x = 0; x < d->width; x++) {
        shown[x] = hole && hole[x] ? 0 : 1;
        if (shown[x] == 0)
            light[x] = 0;
    }
}

/* Down the columns. What lies outside the picture is 0; pairs that are outside on both sides are left out. */
static void smooth_columns(const struct detector *d, const struct ring *ring, size_t y, double *sum) {
    static const double nothing;
    gaussian_start(d->weights[0], ring_row(ring, y), d->width, sum);
    const size_t below = d->height - 1 - y, far = y > below ? y : below;
    for (size_t j = d->radius < far ? d->radius : far; j > 0; j--) {
        const double *above = j <= y ? ring_row(ring, y - j) : NULL, *under = j <= below ? ring_row(ring, y + j) : NULL;
        if (above && under)
            gaussian_add(d->weights[j], above, under, d->width, sum);
        else
            for (size_t x = 0; x < d->width; x++)
                sum[x] += ((above ? above[x] : nothing) + (under ? under[x] : nothing)) * d->weights[j];
    }
}

/* Along the row, in place. */
static void smooth_along(const struct detector *d, double *row) {
    const size_t reach = d->radius < d->width - 1 ? d->radius : d->width - 1;
    double *centre = d->padded + reach;
    memcpy(centre, row, d->width * sizeof *row);
    gaussian_start(d->weights[0], centre, d->width, row);
    for (size_t j = reach; j > 0; j--)
        gaussian_add(d->weights[j], centre - j, centre + j, d->width, row);
}

/* The masked picture is smoothed with zeroes in its holes, and then lifted by what the holes have taken away. */
static void smooth_row(struct detector *d, size_t y) {
    const size_t last = d->height - 1 - y > d->radius ? y + d->radius : d->height - 1;
    for (; d->read <= last; d->read++)
        read_row(d, d->read);
    smooth_columns(d, &d->light, y, d->line);
    smooth_columns(d, &d->shown, y, d->share);
    smooth_along(d, d->line);
    smooth_along(d, d->share);
    double *smooth = ring_row(&d->smooth, y);
    for (size_t x = 0; x < d->width; x++)
        smooth[x] = d->line[x] / (d->share[x] + DBL_EPSILON);
}

/* ---- gradients ---- */

/* to[x] = 2 from[x] + from[x - 1] + from[x + 1]; the ends are repeated. */
static void spread_along(const double *from, size_t width, double *to) {
    for (size_t x = 0; x < width; x++) {
        const double before = from[x ? x - 1 : 0], after = from[x + 1 < width ? x + 1 : x];
        to[x] = from[x] * 2 + (before + after);
    }
}

static void gradient_row(const struct detector *d, size_t y) {
    const double *above = ring_row(&d->smooth, y ? y - 1 : 0), *here = ring_row(&d->smooth, y);
    const double *under = ring_row(&d->smooth, y + 1 < d->height ? y + 1 : y);
    double *down = ring_row(&d->down, y), *right = ring_row(&d->right, y), *magnitude = ring_row(&d->magnitude, y);
    for (size_t x = 0; x < d->width; x++)
        d->spread[x] = under[x] - above[x];
    spread_along(d->spread, d->width, down);
    for (size_t x = 0; x < d->width; x++) {
        const size_t l = x ? x - 1 : 0, r = x + 1 < d->width ? x + 1 : x;
        right[x] = (here[r] - here[l]) * 2 + ((above[r] - above[l]) + (under[r] - under[l]));
    }
    for (size_t x = 0; x < d->width; x++)
        magnitude[x] = sqrt(down[x] * down[x] + right[x] * right[x]);
}

/* ---- thinning ---- */

static bool touches_hole(const struct detector *d, size_t x, size_t y) {
    if (!d->source->hole)
        return false;
    for (size_t k = y - 1; k <= y + 1; k++) {
        const uint8_t *row = d->source->hole + k * d->width;
        if (row[x - 1] || row[x] || row[x + 1])
            return true;
    }
    return false;
}

/*
 * The magnitude at x is not below what stands one step further along the gradient, on either side. A step ends between
 * a straight neighbour and a diagonal one and is interpolated between them.
 */
static bool is_ridge(const struct detector *d, size_t x, size_t y) {
    const double down = ring_row(&d->down, y)[x], right = ring_row(&d->right, y)[x];
    const double steep = fabs(down), flat = fabs(right);
    const bool falling = (down >= 0 && right >= 0) || (down <= 0 && right <= 0); /* to the lower right */
    const bool mostly_down = falling ? steep > flat : steep >= flat;
    const double weight = mostly_down ? flat / steep : steep / flat;
    const double *rows[3] = {ring_row(&d->magnitude, y - 1), ring_row(&d->magnitude, y),
                             ring_row(&d->magnitude, y + 1)};
    const double here = rows[1][x];
    for (int side = -1; side <= 1; side += 2) { /* side 1: to the right, or straight down or up */
        const int diagonal = falling ? side : -side;
        const double corner = rows[1 + diagonal][(ptrdiff_t)x + side];
        const double straight = mostly_down ? rows[1 + diagonal][x] : rows[1][(ptrdiff_t)x + side];
        if (!(corner * weight + straight * (1 - weight) <= here))
            return false;
    }
    return true;
}

static void thin_row(const struct detector *d, size_t y) {
    const double *magnitude = ring_row(&d->magnitude, y);
    uint8_t *edges = d->edges + y * d->width;
    for (size_t x = 1; x + 1 < d->width; x++)
        if (magnitude[x] >= d->low && !touches_hole(d, x, y) && is_ridge(d, x, y))
            edges[x] = magnitude[x] >= d->options->high ? EDGE_STRONG : EDGE_WEAK;
}

static void find_candidates(struct detector *d) {
    memset(d->edges, EDGE_NONE, d->width * d->height);
    for (size_t y = 0; y < d->height; y++) {
        smooth_row(d, y);
        if (y >= 1)
            gradient_row(d, y - 1);
        if (y >= 3)
            thin_row(d, y - 2);
    }
    gradient_row(d, d->height - 1);
    if (d->height >= 3)
        thin_row(d, d->height - 2);
}

/* ---- hysteresis: weak edges stay where a chain of neighbours leads to a strong one ---- */

struct stack {
    size_t *items, count, capacity;
};

static bool push(struct stack *stack, size_t item) {
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity ? 2 * stack->capacity : 1024;
        size_t *items = reallocarray(stack->items, capacity, sizeof *items);
        if (!items)
            return false;
        stack->items = items;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = item;
    return true;
}

/* Edges never stand on the picture's border, so every neighbour is inside. */
static bool follow(uint8_t *edges, size_t width, struct stack *stack) {
    while (stack->count) {
        const size_t at = stack->items[--stack->count];
        for (size_t row = at - width - 1; row <= at + width - 1; row += width)
            for (size_t next = row; next < row + 3; next++)
                if (edges[next] == EDGE_WEAK || edges[next] == EDGE_STRONG) {
                    edges[next] = EDGE_FOUND;
                    if (!push(stack, next))
                        return false;
                }
    }
    return true;
}

static status link_edges(const struct detector *d, struct error *err) {
    struct stack stack = {NULL, 0, 0};
    const size_t count = d->width * d->height;
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        if (d->edges[i] == EDGE_STRONG) {
            d->edges[i] = EDGE_FOUND;
            good = push(&stack, i) && follow(d->edges, d->width, &stack);
        }
    for (size_t i = 0; i < count; i++)
        d->edges[i] = d->edges[i] == EDGE_FOUND;
    free(stack.items);
    return good ? STATUS_OK : fail_memory(err, "the edges");
}

/* ---- all together ---- */

static bool prepare(struct detector *d) {
    const size_t tall = 2 * d->radius + 1 < d->height ? 2 * d->radius + 1 : d->height;
    const size_t reach = d->radius < d->width - 1 ? d->radius : d->width - 1;
    d->weights = calloc(d->radius + 1, sizeof *d->weights);
    d->full = calloc(2 * d->radius + 1, sizeof *d->full);
    d->padded = calloc(d->width + 2 * reach, sizeof *d->padded);
    d->line = calloc(d->width, sizeof *d->line);
    d->share = calloc(d->width, sizeof *d->share);
    d->spread = calloc(d->width, sizeof *d->spread);
    return d->weights && d->full && d->padded && d->line && d->share && d->spread &&
           ring_create(&d->light, tall, d->width) && ring_create(&d->shown, tall, d->width) &&
           ring_create(&d->smooth, 3, d->width) && ring_create(&d->down, 3, d->width) &&
           ring_create(&d->right, 3, d->width) && ring_create(&d->magnitude, 3, d->width);
}

static void dispose(struct detector *d) {
    double *const owned[] = {d->weights,     d->full,      d->padded,     d->line,
                             d->share,       d->spread,    d->light.data, d->shown.data,
                             d->smooth.data, d->down.data, d->right.data, d->magnitude.data};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
}

/* The definition rounds the low threshold to single precision, and takes 0 for the smallest gradient that is no noise.
 */
static double used_threshold(double low) {
    const float rounded = (float)low;
    return (double)(rounded == 0 ? 1e-14f : rounded);
}

status canny(const struct canny_source *source, const struct canny_options *options, uint8_t *edges,
             struct error *err) {
    if (!(options->sigma >= 0 && options->sigma <= CANNY_MOST_SIGMA))
        return fail(err, STATUS_INVALID_ARGUMENT, "sigma %g, expected 0 to %g", options->sigma, CANNY_MOST_SIGMA);
    if (!(options->low <= options->high))
        return fail(err, STATUS_INVALID_ARGUMENT, "the high threshold %g of the edges is below the low one %g",
                    options->high, options->low);
    struct detector d = {.source = source,
                         .options = options,
                         .width = source->width,
                         .height = source->height,
                         .radius = gaussian_radius(options->sigma),
                         .low = used_threshold(options->low),
                         .edges = edges};
    status code;
    if (prepare(&d)) {
        gaussian_kernel(options->sigma, d.radius, d.weights, d.full);
        find_candidates(&d);
        code = link_edges(&d, err);
    } else {
        code = fail_memory(err, "the edges");
    }
    dispose(&d);
    return code;
}
