#include "ops/blocked/winograd/winograd_tiling.h"

#include "base/sizes.h"

/* Weights are stored as elements. */
#define SUMS ((int64_t)160 << 10) /* of a segment: they stay in a small cache until they are transformed back */
#define MOST_SUMS ((int64_t)360 << 10)
#define INPUTS ((int64_t)5 << 18)  /* of a block of one thread: those of a few threads stay in a large cache */
#define DISTANT ((int64_t)4 << 20) /* so many weights come from memory for every block: threads share it */
#define SHARED_INPUTS ((int64_t)5 << 20)
#define LEAST_OWN 24           /* tiles that make it worth the while to read the weights for one thread */
#define TRANSFORMED_K_BLOCK 32 /* of the depth, in channel blocks */

/* A panel's weights are transformed as a whole, for some thousands of products each. */
#define WAVE_INPUTS ((int64_t)7 << 19) /* of the sets that go together */
#define LEAST_WAVE 100                 /* tiles for which a thread transforms all panels by itself */

/* Tiles form sums of two. */
#define IN_KERNEL_K_BLOCK 4                   /* of the depth, in channel blocks, which stay in the smallest cache */
#define IN_KERNEL_SUMS ((int64_t)64 << 10)    /* of a segment */
#define IN_KERNEL_INPUTS ((int64_t)256 << 10) /* of a k-slice, which all panels pass over */
#define LEAST_K_SLICE 8

/* Tiles of equal parts of at most `most`, or of some that make it worth the while. */
static int64_t even_share(int64_t tiles, int64_t most) {
    return even_block(tiles, most < 12 ? 12 : most, 1);
}

/* Room for so many tiles: an odd number of cache lines. */
static int64_t odd_lines(int64_t tiles) {
    return (tiles | 1) * CHANNEL_BLOCK;
}

#define BALANCED 0.95

/* Parts of at least `least` tiles and at most `most` that threads can share out well, `others` of each; 0: none. */
static int64_t balanced_share(int64_t tiles, int64_t least, int64_t most, int64_t others, int threads) {
    int64_t best = 0;
    double best_balance = 0;
    for (int64_t parts = divide_up(tiles, most); parts <= tiles; parts++) {
        const int64_t size = divide_up(tiles, parts);
        if (size < least && best)
            break;
        const double even = balance(divide_up(tiles, size) * others, threads);
        if (even > best_balance) {
            best_balance = even;
            best = size;
        }
        if (even >= BALANCED || size < least)
            break;
    }
    return best_balance >= BALANCED ? best : 0;
}

/* Tiles whose sums stay near; all, where a few more sums cost less than to read a panel's weights again. */
static int64_t transformed_segment(const struct winograd_tiling *s, int64_t kept, int64_t sums) {
    const int64_t weights = kept * s->depth * s->panel * CHANNEL_BLOCK * CHANNEL_BLOCK, all = s->tiles * sums;
    return all <= MOST_SUMS && all < 2 * weights ? s->tiles : SUMS / sums;
}

static void tile_transformed(struct winograd_tiling *s, const struct winograd_team *team, int64_t kept, int64_t sums,
                             int64_t inputs) {
    const int64_t weights = kept * s->depth * s->rows * CHANNEL_BLOCK * CHANNEL_BLOCK;
    const int64_t segment = transformed_segment(s, kept, sums);
    const int64_t panels = divide_up(s->rows, s->panel), most = between(12, INPUTS / (inputs * s->depth), segment);
    s->k_slice = s->depth;
    s->k_block = TRANSFORMED_K_BLOCK;
    s->size =
        weights > DISTANT ? 0 : balanced_share(s->tiles, LEAST_OWN, most, team->grids * team->images, team->threads);
    s->shared = s->size == 0;
    if (s->shared) {
        s->size = even_share(s->tiles, SHARED_INPUTS / (inputs * s->depth));
        s->segment = balanced_share(s->size, LEAST_OWN, segment, panels, team->threads);
    }
    if (s->segment == 0)
        s->segment = even_share(s->size, segment);
}

/* The fewest parts of a wave that give all threads the same work: every part transforms its panel's weights. */
static int64_t even_parts(const struct winograd_tiling *s, int threads) {
    const int64_t panels = winograd_panels(s), segments = divide_up(winograd_wave_tiles(s), s->segment);
    int64_t parts = 1;
    while (parts < segments && balance(panels * parts, threads) < BALANCED)
        parts++;
    return parts;
}

/*
 * Rounds of an image that threads can share out well, of LEAST_WAVE tiles at least; or 0 where threads had better
 * share every wave. Each has the same rows of tiles of all grids, so that a thread meets its own rows again.
 */
static int64_t balanced_waves(int64_t tiles, int64_t most, const struct winograd_team *team) {
    if (team->threads > 1 && tiles > most)
        return 0;
    most = between(LEAST_WAVE, most / team->threads, most); /* what all threads read stays in a large cache */
    for (int64_t waves = divide_up(tiles, most); tiles / waves >= LEAST_WAVE; waves++)
        if (balance(waves * team->images, team->threads) >= BALANCED)
            return waves;
    return 0;
}

static void tile_per_panel(struct winograd_tiling *s, const struct winograd_team *team, int64_t sums, int64_t inputs) {
    const int64_t most = between(1, WAVE_INPUTS / (inputs * s->depth), s->tiles * team->grids);
    const int64_t waves = balanced_waves(s->tiles * team->grids, most, team);
    s->shared = waves == 0;
    s->k_slice = s->k_block = s->depth;
    s->size = s->shared ? even_share(s->tiles, most) : divide_up(s->tiles, waves);
    s->grids = (int)(s->shared ? between(1, most / s->size, team->grids) : team->grids);
    s->segment = even_share(winograd_wave_tiles(s), SUMS / sums);
}

static void tile_in_kernel(struct winograd_tiling *s, const struct window *window, const struct winograd_team *team,
                           int64_t sums, int64_t inputs) {
    s->shared = true;
    s->size = even_share(s->tiles, IN_KERNEL_INPUTS / (inputs * LEAST_K_SLICE));
    s->k_block = at_most(IN_KERNEL_K_BLOCK, s->depth);
    const int64_t together = IN_KERNEL_INPUTS / (inputs * s->size * s->k_block);
    if (window->group == 1 && s->size >= s->tiles && team->images > 0)
        s->images = (int)even_block(team->images, between(1, together, WINOGRAD_IMAGES), 1);
    s->segment = even_share(winograd_wave_tiles(s), IN_KERNEL_SUMS / sums);
    s->k_slice = between(1, between(1, together / s->images, s->depth) * s->k_block, s->depth);
}

/* Upper bounds that were demanded. Sums wait between k-blocks for weights formed in the kernel alone. */
static void force_sizes(struct winograd_tiling *s, const struct winograd_team *team, enum winograd_weights weights,
                        int64_t group) {
    const struct forced_choices *forced = team->forced;
    s->size = forced_size(forced->block, s->size);
    if (weights != WINOGRAD_IN_KERNEL)
        s->shared = forced_decide(forced->shared, s->shared);
    if (weights == WINOGRAD_PER_PANEL && forced->grids)
        s->grids = (int)at_most(forced->grids, team->grids);
    if (weights == WINOGRAD_IN_KERNEL && forced->images && group == 1)
        s->images = (int)between(1, at_most(forced->images, team->images), WINOGRAD_IMAGES);
    s->segment = forced_size(forced->segment, at_most(s->segment, winograd_wave_tiles(s)));
    if (weights != WINOGRAD_PER_PANEL)
        s->k_block = forced_size(forced->k_block, s->k_block);
    if (weights == WINOGRAD_IN_KERNEL)
        s->k_slice = at_most(whole_units(forced_size(forced->k_slice, s->k_slice), s->k_block), s->depth);
}

static struct winograd_tiling tiling_of(const struct window *window, int panel, const struct winograd_team *team,
                                        const struct winograd_grid *grid) {
    const int64_t rows = divide_up(window->out_channels, CHANNEL_BLOCK);
    struct winograd_tiling s = {
        .grids = 1,
        .images = 1,
        .elements = grid->axis[0].elements * grid->axis[1].elements,
        .panel = (int)at_most(forced_size(team->forced->panel, rows),
                              grid->weights == WINOGRAD_IN_KERNEL ? at_most(panel, PAIR_BLOCKS) : panel),
        .depth = grid->part_count * divide_up(window->in_channels, CHANNEL_BLOCK),
        .rows = rows,
        .tiles = winograd_image_tiles(grid)};
    const int64_t inputs = (int64_t)s.elements * CHANNEL_BLOCK, sums = inputs * s.panel; /* of a tile */
    if (grid->weights == WINOGRAD_PER_PANEL)
        tile_per_panel(&s, team, sums, inputs);
    else if (grid->weights == WINOGRAD_IN_KERNEL)
        tile_in_kernel(&s, window, team, sums, inputs);
    else
        tile_transformed(&s, team, winograd_stored(grid), sums, inputs);
    force_sizes(&s, team, grid->weights, window->group);
    s.parts = s.shared ? even_parts(&s, team->threads) : 1;
    s.plane = odd_lines(winograd_wave_tiles(&s));
    s.element = s.k_slice * s.plane + CHANNEL_BLOCK;
    s.sums = odd_lines(s.segment + BLOCK_PIXELS); /* what rounding adds goes behind the last tile */
    s.sum_element = s.panel * s.sums + CHANNEL_BLOCK;
    return s;
}

void winograd_tile(const struct window *window, int panel, const struct winograd_team *team,
                   struct winograd_grid *grids) {
    const struct winograd_grid *largest = &grids[0];
    for (int i = 1; i < team->grids; i++)
        if (winograd_image_tiles(&grids[i]) > winograd_image_tiles(largest))
            largest = &grids[i];
    const struct winograd_tiling tiling = tiling_of(window, panel, team, largest);
    for (int i = 0; i < team->grids; i++) {
        grids[i].tiling = tiling;
        grids[i].tiling.tiles = winograd_image_tiles(&grids[i]);
        grids[i].tiling.size = divide_up(grids[i].tiling.tiles, winograd_blocks(&tiling));
    }
}
