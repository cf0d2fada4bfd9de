#include "ops/blocked/winograd/winograd_tiling.h"

#include "base/sizes.h"

/* Weights are kept by points. */
#define SUMS ((int64_t)160 << 10) /* of a segment: they stay in a small cache until they are transformed back */
#define MOST_SUMS ((int64_t)360 << 10)
#define INPUTS ((int64_t)5 << 18)  /* of a block of one thread: those of a few threads stay in a large cache */
#define DISTANT ((int64_t)4 << 20) /* so many weights come from memory for every block: threads share it */
#define SHARED_INPUTS ((int64_t)5 << 20)
#define LEAST_OWN 24 /* tiles that make it worth the while to read the weights for one thread */
#define READY_CUT 32 /* of the depth, in channel blocks */

/* A panel's weights are transformed as a whole, for some thousands of products each. */
#define ROUND_INPUTS ((int64_t)7 << 19) /* of the sets that go together */
#define LEAST_ROUND 100                 /* tiles for which a thread transforms all panels by itself */

/* Tiles form sums of two. */
#define PAIRS_CUT 4                       /* of the depth, in channel blocks, which stay in the smallest cache */
#define PAIRS_SUMS ((int64_t)64 << 10)    /* of a segment */
#define PAIRS_INPUTS ((int64_t)256 << 10) /* of a stretch, which all panels pass over */
#define LEAST_STRETCH 8

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
static int64_t ready_segment(const struct filter_shape *s, int64_t kept, int64_t sums) {
    const int64_t weights = kept * s->depth * s->panel * CHANNEL_BLOCK * CHANNEL_BLOCK, all = s->tiles * sums;
    return all <= MOST_SUMS && all < 2 * weights ? s->tiles : SUMS / sums;
}

static void shape_ready(struct filter_shape *s, const struct filter_team *team, int64_t kept, int64_t sums,
                        int64_t inputs) {
    const int64_t weights = kept * s->depth * s->rows * CHANNEL_BLOCK * CHANNEL_BLOCK;
    const int64_t segment = ready_segment(s, kept, sums);
    const int64_t panels = divide_up(s->rows, s->panel), most = between(12, INPUTS / (inputs * s->depth), segment);
    s->stretch = s->depth;
    s->cut = READY_CUT;
    s->size =
        weights > DISTANT ? 0 : balanced_share(s->tiles, LEAST_OWN, most, team->sets * team->images, team->threads);
    s->shared = s->size == 0;
    if (s->shared) {
        s->size = even_share(s->tiles, SHARED_INPUTS / (inputs * s->depth));
        s->segment = balanced_share(s->size, LEAST_OWN, segment, panels, team->threads);
    }
    if (s->segment == 0)
        s->segment = even_share(s->size, segment);
}

/* The fewest parts of a round that give all threads the same work: every part transforms its panel's weights. */
static int64_t even_parts(const struct filter_shape *s, int threads) {
    const int64_t panels = filter_panels(s), segments = divide_up(filter_round_tiles(s), s->segment);
    int64_t parts = 1;
    while (parts < segments && balance(panels * parts, threads) < BALANCED)
        parts++;
    return parts;
}

/*
 * Rounds of an image that threads can share out well, of LEAST_ROUND tiles at least; or 0 where threads had better
 * share every round. Each has the same rows of tiles of all sets of points, so that a thread meets its own rows again.
 */
static int64_t balanced_rounds(int64_t tiles, int64_t most, const struct filter_team *team) {
    if (team->threads > 1 && tiles > most)
        return 0;
    most = between(LEAST_ROUND, most / team->threads, most); /* what all threads read stays in a large cache */
    for (int64_t rounds = divide_up(tiles, most); tiles / rounds >= LEAST_ROUND; rounds++)
        if (balance(rounds * team->images, team->threads) >= BALANCED)
            return rounds;
    return 0;
}

static void shape_panels(struct filter_shape *s, const struct filter_team *team, int64_t sums, int64_t inputs) {
    const int64_t most = between(1, ROUND_INPUTS / (inputs * s->depth), s->tiles * team->sets);
    const int64_t rounds = balanced_rounds(s->tiles * team->sets, most, team);
    s->shared = rounds == 0;
    s->stretch = s->cut = s->depth;
    s->size = s->shared ? even_share(s->tiles, most) : divide_up(s->tiles, rounds);
    s->sets = (int)(s->shared ? between(1, most / s->size, team->sets) : team->sets);
    s->segment = even_share(filter_round_tiles(s), SUMS / sums);
}

static void shape_pairs(struct filter_shape *s, const struct window *window, const struct filter_team *team,
                        int64_t sums, int64_t inputs) {
    s->shared = true;
    s->size = even_share(s->tiles, PAIRS_INPUTS / (inputs * LEAST_STRETCH));
    s->cut = at_most(PAIRS_CUT, s->depth);
    const int64_t together = PAIRS_INPUTS / (inputs * s->size * s->cut);
    if (window->group == 1 && s->size >= s->tiles && team->images > 0)
        s->images = (int)even_block(team->images, between(1, together, FILTER_IMAGES), 1);
    s->segment = even_share(filter_round_tiles(s), PAIRS_SUMS / sums);
    s->stretch = between(1, between(1, together / s->images, s->depth) * s->cut, s->depth);
}

/* Upper bounds that were demanded. Sums wait between cuts of the depth for weights in pairs alone. */
static void force_sizes(struct filter_shape *s, const struct filter_team *team, enum filter_weights weights,
                        int64_t group) {
    const struct forced_choices *forced = team->forced;
    s->size = forced_size(forced->block, s->size);
    if (weights != FILTER_PAIRS)
        s->shared = forced_decide(forced->shared, s->shared);
    if (weights == FILTER_PANELS && forced->sets)
        s->sets = (int)at_most(forced->sets, team->sets);
    if (weights == FILTER_PAIRS && forced->images && group == 1)
        s->images = (int)between(1, at_most(forced->images, team->images), FILTER_IMAGES);
    s->segment = forced_size(forced->segment, at_most(s->segment, filter_round_tiles(s)));
    if (weights != FILTER_PANELS)
        s->cut = forced_size(forced->cut, s->cut);
    if (weights == FILTER_PAIRS)
        s->stretch = at_most(whole_units(forced_size(forced->stretch, s->stretch), s->cut), s->depth);
}

static struct filter_shape shape_of(const struct window *window, int panel, const struct filter_team *team,
                                    const struct filter_lattice *lattice) {
    const int64_t rows = divide_up(window->out_channels, CHANNEL_BLOCK);
    struct filter_shape s = {.sets = 1,
                             .images = 1,
                             .points = lattice->axis[0].points * lattice->axis[1].points,
                             .panel =
                                 (int)at_most(forced_size(team->forced->panel, rows),
                                              lattice->weights == FILTER_PAIRS ? at_most(panel, PAIR_BLOCKS) : panel),
                             .depth = lattice->part_count * divide_up(window->in_channels, CHANNEL_BLOCK),
                             .rows = rows,
                             .tiles = filter_image_tiles(lattice)};
    const int64_t inputs = (int64_t)s.points * CHANNEL_BLOCK, sums = inputs * s.panel; /* of a tile */
    if (lattice->weights == FILTER_PANELS)
        shape_panels(&s, team, sums, inputs);
    else if (lattice->weights == FILTER_PAIRS)
        shape_pairs(&s, window, team, sums, inputs);
    else
        shape_ready(&s, team, filter_kept(lattice), sums, inputs);
    force_sizes(&s, team, lattice->weights, window->group);
    s.parts = s.shared ? even_parts(&s, team->threads) : 1;
    s.plane = odd_lines(filter_round_tiles(&s));
    s.point = s.stretch * s.plane + CHANNEL_BLOCK;
    s.sums = odd_lines(s.segment + BLOCK_PIXELS); /* what rounding adds goes behind the last tile */
    s.sum_point = s.panel * s.sums + CHANNEL_BLOCK;
    return s;
}

void filter_shape(const struct window *window, int panel, const struct filter_team *team,
                  struct filter_lattice *lattices) {
    const struct filter_lattice *largest = &lattices[0];
    for (int i = 1; i < team->sets; i++)
        if (filter_image_tiles(&lattices[i]) > filter_image_tiles(largest))
            largest = &lattices[i];
    const struct filter_shape shape = shape_of(window, panel, team, largest);
    for (int i = 0; i < team->sets; i++) {
        lattices[i].shape = shape;
        lattices[i].shape.tiles = filter_image_tiles(&lattices[i]);
        lattices[i].shape.size = divide_up(lattices[i].shape.tiles, filter_blocks(&shape));
    }
}
