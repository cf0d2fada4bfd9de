#include "tools/inpaint/multigrid.h"

#include "base/checked.h"
#include "base/thread_team.h"

#include <stdlib.h>
#include <string.h>

#define SWEEPS 2
#define COARSEST 4         /* pixels of a side */
#define COARSEST_SWEEPS 16 /* enough for so few */
#define THREADED 40000     /* pixels from which threads are worth it */
#define COARSE_FACTOR 0.5F /* two edges side by side are one of twice the width and twice the length */

/* ---- levels ---- */

static status open_level(struct grid_level *level, size_t height, size_t width, struct error *err) {
    size_t count;
    *level = (struct grid_level){.height = height, .width = width};
    if (!size_mul(height + 2, width, &count) || !size_add(count, 2, &count))
        return fail_memory(err, "a grid");
    float **const arrays[] = {&level->diagonal, &level->inverse, &level->right, &level->down, &level->x, &level->b};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        float *memory = calloc(count, sizeof(float));
        if (!memory)
            return fail_memory(err, "a grid");
        *arrays[i] = memory + width + 1;
    }
    return STATUS_OK;
}

static void close_array(const struct grid_level *level, float *array) {
    if (array)
        free(array - level->width - 1);
}

static void close_level(struct grid_level *level) {
    float *const arrays[] = {level->diagonal, level->inverse, level->right, level->down, level->x, level->b};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        close_array(level, arrays[i]);
}

static void invert(struct grid_level *level) {
    for (size_t i = 0; i < level->height * level->width; i++)
        level->inverse[i] = level->diagonal[i] > 0 ? 1 / level->diagonal[i] : 0;
}

status multigrid_open(struct multigrid *grid, size_t height, size_t width, int threads, struct error *err) {
    *grid = (struct multigrid){.count = 1, .threads = threads};
    return open_level(&grid->levels[0], height, width, err);
}

void multigrid_close(struct multigrid *grid) {
    for (int i = 0; i < grid->count; i++)
        close_level(&grid->levels[i]);
    grid->count = 0;
}

/* Sums of 2 by 2: P^T A P with P constant on each aggregate, times COARSE_FACTOR. */
static void coarsen(const struct grid_level *fine, struct grid_level *coarse) {
    for (size_t y = 0; y < fine->height; y++)
        for (size_t x = 0; x < fine->width; x++) {
            const size_t i = y * fine->width + x, k = y / 2 * coarse->width + x / 2;
            const bool leaves_right = x % 2, leaves_down = y % 2;
            coarse->diagonal[k] += COARSE_FACTOR * fine->diagonal[i];
            coarse->right[k] += leaves_right ? COARSE_FACTOR * fine->right[i] : 0;
            coarse->down[k] += leaves_down ? COARSE_FACTOR * fine->down[i] : 0;
            coarse->diagonal[k] -= leaves_right ? 0 : 2 * COARSE_FACTOR * fine->right[i];
            coarse->diagonal[k] -= leaves_down ? 0 : 2 * COARSE_FACTOR * fine->down[i];
        }
}

status multigrid_build(struct multigrid *grid, struct error *err) {
    status code = STATUS_OK;
    invert(&grid->levels[0]);
    while (!code && grid->count < MOST_LEVELS) {
        const struct grid_level *fine = &grid->levels[grid->count - 1];
        if (fine->height <= COARSEST && fine->width <= COARSEST)
            break;
        struct grid_level *coarse = &grid->levels[grid->count++];
        code = open_level(coarse, (fine->height + 1) / 2, (fine->width + 1) / 2, err);
        if (!code) {
            coarsen(fine, coarse);
            invert(coarse);
        }
    }
    return code;
}

/* ---- smoothing ---- */

/* What the neighbours of a pixel give it. */
static inline float pull(const struct grid_level *level, const float *at, ptrdiff_t i) {
    const ptrdiff_t width = (ptrdiff_t)level->width;
    return level->right[i - 1] * at[-1] + level->right[i] * at[1] + level->down[i - width] * at[-width] +
           level->down[i] * at[width];
}

struct sweep {
    struct grid_level *level;
    size_t colour; /* pixels whose x + y is so, modulo 2 */
};

static void sweep_rows(void *context, int64_t first, int64_t end) {
    const struct sweep *sweep = context;
    struct grid_level *level = sweep->level;
    for (size_t y = (size_t)first; y < (size_t)end; y++)
        for (size_t x = (y + sweep->colour) % 2; x < level->width; x += 2) {
            const size_t i = y * level->width + x;
            level->x[i] = (level->b[i] + pull(level, level->x + i, (ptrdiff_t)i)) * level->inverse[i];
        }
}

static int threads_for(const struct multigrid *grid, const struct grid_level *level) {
    return level->height * level->width < THREADED ? 1 : grid->threads;
}

static void smooth(const struct multigrid *grid, struct grid_level *level, size_t first_colour, int times) {
    for (int i = 0; i < 2 * times; i++) {
        struct sweep sweep = {level, (first_colour + (size_t)i) % 2};
        team_for(threads_for(grid, level), (int64_t)level->height, sweep_rows, &sweep);
    }
}

/* ---- between levels ---- */

struct transfer {
    struct grid_level *fine, *coarse;
};

/* Residuals, summed over each aggregate. */
static void restrict_rows(void *context, int64_t first, int64_t end) {
    const struct transfer *transfer = context;
    const struct grid_level *fine = transfer->fine;
    struct grid_level *coarse = transfer->coarse;
    for (size_t row = (size_t)first; row < (size_t)end; row++) {
        memset(coarse->b + row * coarse->width, 0, coarse->width * sizeof(float));
        memset(coarse->x + row * coarse->width, 0, coarse->width * sizeof(float));
        for (size_t y = 2 * row; y < 2 * row + 2 && y < fine->height; y++)
            for (size_t x = 0; x < fine->width; x++) {
                const size_t i = y * fine->width + x;
                coarse->b[row * coarse->width + x / 2] +=
                    fine->b[i] + pull(fine, fine->x + i, (ptrdiff_t)i) - fine->diagonal[i] * fine->x[i];
            }
    }
}

static void prolong_rows(void *context, int64_t first, int64_t end) {
    const struct transfer *transfer = context;
    struct grid_level *fine = transfer->fine;
    for (size_t y = (size_t)first; y < (size_t)end; y++)
        for (size_t x = 0; x < fine->width; x++) {
            const size_t i = y * fine->width + x;
            if (fine->diagonal[i] > 0)
                fine->x[i] += transfer->coarse->x[y / 2 * transfer->coarse->width + x / 2];
        }
}

static void cycle_from(struct multigrid *grid, int at) {
    struct grid_level *level = &grid->levels[at];
    if (at + 1 == grid->count) {
        smooth(grid, level, 0, COARSEST_SWEEPS);
        smooth(grid, level, 1, COARSEST_SWEEPS);
        return;
    }
    struct transfer transfer = {level, &grid->levels[at + 1]};
    const int threads = threads_for(grid, level);
    smooth(grid, level, 0, SWEEPS);
    team_for(threads, (int64_t)transfer.coarse->height, restrict_rows, &transfer);
    cycle_from(grid, at + 1);
    team_for(threads, (int64_t)level->height, prolong_rows, &transfer);
    smooth(grid, level, 1, SWEEPS);
}

void multigrid_cycle(struct multigrid *grid) {
    const struct grid_level *finest = &grid->levels[0];
    memset(finest->x, 0, finest->height * finest->width * sizeof(float));
    cycle_from(grid, 0);
}
