#include "ops/blocked/winograd/winograd_tiling.h"

#include "base/sizes.h"

/* In floats, but for tiles and k-blocks. */

/* WINOGRAD_TRANSFORMED */
#define SUMS ((int64_t)160 << 10) /* of a segment: they stay in L2 until the output transform */
#define MOST_SUMS ((int64_t)360 << 10)
#define INPUTS ((int64_t)5 << 18)  /* of a tile group of one thread: those of a few threads stay in L3 */
#define DISTANT ((int64_t)4 << 20) /* so many weights come from memory for every tile group: threads share one */
#define SHARED_INPUTS ((int64_t)5 << 20)
#define LEAST_GROUP 24         /* tiles for which a thread may read all weights */
#define TRANSFORMED_K_BLOCK 32 /* channel blocks */

/* WINOGRAD_PER_PANEL */
#define WAVE_INPUTS ((int64_t)7 << 19) /* of a wave */
#define LEAST_WAVE 100                 /* tiles for which a thread may transform the weights of all panels */

/* WINOGRAD_IN_KERNEL */
#define IN_KERNEL_K_BLOCK 4                   /* channel blocks: the expanded weights stay in L1 */
#define IN_KERNEL_SUMS ((int64_t)64 << 10)    /* of a segment */
#define IN_KERNEL_INPUTS ((int64_t)256 << 10) /* of a k-slice, which all panels pass over */
#define LEAST_K_SLICE 8

/* Tiles of a part, where all are divided evenly into parts of at most `most`, or of a dozen where that is less. */
static int64_t even_part(int64_t tiles, int64_t most) {
    return even_block(tiles, most < 12 ? 12 : most, 1);
}

/* Floats of so many tiles of a channel block, made an odd number of cache lines. */
static int64_t odd_lines(int64_t tiles) {
    return (tiles | 1) * CHANNEL_BLOCK;
}

#define BALANCED 0.95

/*
 * Tiles of a part, between `least` and `most`, with which `others` times the parts keep all threads busy; 0: there is
 * no such size.
 */
static int64_t balanced_parts(int64_t tiles, int64_t least, int64_t most, int64_t others, int threads) {
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

/* Tiles whose sums stay in L2; all, where a few more sums cost less than reading a panel's weights again. */
static int64_t transformed_segment(const struct winograd_tiling *tiling, int64_t stored, int64_t sums) {
    const int64_t weights = stored * tiling->depth * tiling->panel * CHANNEL_BLOCK * CHANNEL_BLOCK,
                  all = tiling->tiles * sums;
    return all <= MOST_SUMS && all < 2 * weights ? tiling->tiles : SUMS / sums;
}

static void tile_transformed(struct winograd_tiling *tiling, const struct winograd_team *team, int64_t stored,
                             int64_t sums, int64_t inputs) {
    const int64_t weights = stored * tiling->depth * tiling->out_blocks * CHANNEL_BLOCK * CHANNEL_BLOCK;
    const int64_t segment = transformed_segment(tiling, stored, sums);
    const int64_t panels = divide_up(tiling->out_blocks, tiling->panel),
                  most = between(12, INPUTS / (inputs * tiling->depth), segment);
    tiling->k_slice = tiling->depth;
    tiling->k_block = TRANSFORMED_K_BLOCK;
    tiling->group_tiles =
        weights > DISTANT ? 0
                          : balanced_parts(tiling->tiles, LEAST_GROUP, most, team->grids * team->images, team->threads);
    tiling->shared = tiling->group_tiles == 0;
    if (tiling->shared) {
        tiling->group_tiles = even_part(tiling->tiles, SHARED_INPUTS / (inputs * tiling->depth));
        tiling->segment = balanced_parts(tiling->group_tiles, LEAST_GROUP, segment, panels, team->threads);
    }
    if (tiling->segment == 0)
        tiling->segment = even_part(tiling->group_tiles, segment);
}

/* The fewest parts that keep all threads busy: every part expands the weights of its panel anew. */
static int64_t even_parts(const struct winograd_tiling *tiling, int threads) {
    const int64_t panels = winograd_panels(tiling), segments = divide_up(winograd_wave_tiles(tiling), tiling->segment);
    int64_t parts = 1;
    while (parts < segments && balance(panels * parts, threads) < BALANCED)
        parts++;
    return parts;
}

/*
 * Waves of an image, of LEAST_WAVE tiles at least, that keep all threads busy; 0: threads had better share every wave.
 * A wave has the same part of the image in all grids, so that a thread reads what it wrote in the layer before.
 */
static int64_t balanced_waves(int64_t tiles, int64_t most, const struct winograd_team *team) {
    if (team->threads > 1 && tiles > most)
        return 0;
    most = between(LEAST_WAVE, most / team->threads, most); /* what all threads read stays in L3 */
    for (int64_t waves = divide_up(tiles, most); tiles / waves >= LEAST_WAVE; waves++)
        if (balance(waves * team->images, team->threads) >= BALANCED)
            return waves;
    return 0;
}

static void tile_per_panel(struct winograd_tiling *tiling, const struct winograd_team *team, int64_t sums,
                           int64_t inputs) {
    const int64_t most = between(1, WAVE_INPUTS / (inputs * tiling->depth), tiling->tiles * team->grids);
    const int64_t waves = balanced_waves(tiling->tiles * team->grids, most, team);
    tiling->shared = waves == 0;
    tiling->k_slice = tiling->k_block = tiling->depth;
    tiling->group_tiles = tiling->shared ? even_part(tiling->tiles, most) : divide_up(tiling->tiles, waves);
    tiling->grids = (int)(tiling->shared ? between(1, most / tiling->group_tiles, team->grids) : team->grids);
    tiling->segment = even_part(winograd_wave_tiles(tiling), SUMS / sums);
}

static void tile_in_kernel(struct winograd_tiling *tiling, const struct window *window,
                           const struct winograd_team *team, int64_t sums, int64_t inputs) {
    tiling->shared = true;
    tiling->group_tiles = even_part(tiling->tiles, IN_KERNEL_INPUTS / (inputs * LEAST_K_SLICE));
    tiling->k_block = at_most(IN_KERNEL_K_BLOCK, tiling->depth);
    const int64_t together = IN_KERNEL_INPUTS / (inputs * tiling->group_tiles * tiling->k_block);
    if (window->group == 1 && tiling->group_tiles >= tiling->tiles && team->images > 0)
        tiling->images = (int)even_block(team->images, between(1, together, WINOGRAD_IMAGES), 1);
    tiling->segment = even_part(winograd_wave_tiles(tiling), IN_KERNEL_SUMS / sums);
    tiling->k_slice = between(1, between(1, together / tiling->images, tiling->depth) * tiling->k_block, tiling->depth);
}

/* Applies the upper bounds that were demanded. Only with WINOGRAD_IN_KERNEL can sums wait between k-slices. */
static void force_sizes(struct winograd_tiling *tiling, const struct winograd_team *team, enum winograd_weights weights,
                        int64_t group) {
    const struct forced_choices *forced = team->forced;
    tiling->group_tiles = forced_size(forced->tile_group, tiling->group_tiles);
    if (weights != WINOGRAD_IN_KERNEL)
        tiling->shared = forced_decide(forced->shared, tiling->shared);
    if (weights == WINOGRAD_PER_PANEL && forced->grids)
        tiling->grids = (int)at_most(forced->grids, team->grids);
    if (weights == WINOGRAD_IN_KERNEL && forced->images && group == 1)
        tiling->images = (int)between(1, at_most(forced->images, team->images), WINOGRAD_IMAGES);
    tiling->segment = forced_size(forced->segment, at_most(tiling->segment, winograd_wave_tiles(tiling)));
    if (weights != WINOGRAD_PER_PANEL)
        tiling->k_block = forced_size(forced->k_block, tiling->k_block);
    if (weights == WINOGRAD_IN_KERNEL)
        tiling->k_slice =
            at_most(whole_units(forced_size(forced->k_slice, tiling->k_slice), tiling->k_block), tiling->depth);
}

static struct winograd_tiling tiling_of(const struct window *window, int panel, const struct winograd_team *team,
                                        const struct winograd_grid *grid) {
    const int64_t out_blocks = divide_up(window->out_channels, CHANNEL_BLOCK);
    struct winograd_tiling tiling = {
        .grids = 1,
        .images = 1,
        .elements = grid->axis[0].elements * grid->axis[1].elements,
        .panel = (int)at_most(forced_size(team->forced->panel, out_blocks),
                              grid->weights == WINOGRAD_IN_KERNEL ? at_most(panel, TWO_TERM_BLOCKS) : panel),
        .depth = grid->part_count * divide_up(window->in_channels, CHANNEL_BLOCK),
        .out_blocks = out_blocks,
        .tiles = winograd_image_tiles(grid)};
    const int64_t inputs = (int64_t)tiling.elements * CHANNEL_BLOCK, sums = inputs * tiling.panel; /* of a tile */
    if (grid->weights == WINOGRAD_PER_PANEL)
        tile_per_panel(&tiling, team, sums, inputs);
    else if (grid->weights == WINOGRAD_IN_KERNEL)
        tile_in_kernel(&tiling, window, team, sums, inputs);
    else
        tile_transformed(&tiling, team, winograd_stored(grid), sums, inputs);
    force_sizes(&tiling, team, grid->weights, window->group);
    tiling.parts = tiling.shared ? even_parts(&tiling, team->threads) : 1;
    tiling.plane = odd_lines(winograd_wave_tiles(&tiling));
    tiling.element = tiling.k_slice * tiling.plane + CHANNEL_BLOCK;
    tiling.sums_plane = odd_lines(tiling.segment + BLOCK_PIXELS); /* the kernel rounds the number of tiles up */
    tiling.sums_element = tiling.panel * tiling.sums_plane + CHANNEL_BLOCK;
    return tiling;
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
        grids[i].tiling.group_tiles = divide_up(grids[i].tiling.tiles, winograd_tile_groups(&tiling));
    }
}
