/* Direct sums on channel blocks: a strip of output channels by some pixels at a time. */
#include "ops/blocked.h"

#include <omp.h>

#define PIECE 192 /* pixels of a piece, at most: their sums stay in a small cache between cuts of the depth */
#define STRIP 4   /* channel blocks of a strip, at most: one panel or several that share their list of pixels */
#define MOST_LANES (STRIP * CHANNEL_BLOCK)
#define PIECE_FLOATS ((size_t)(PIECE + BLOCK_PIXELS) * MOST_LANES)

/* Pixels of one phase of one image, and a strip. */
struct piece {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct blocked_input input;
    int64_t image, first;
    int count;
    int64_t block; /* the strip's first channel block */
    int blocks;
    bool last;   /* of its strip: the next strip's weights follow */
    float *sums; /* [pixel][lanes] */
    struct block_pixel *pixels;
};

/* Threads keep a table of pixels behind their sums. */
static size_t table_floats(const struct blocked_phase *phase) {
    const size_t entries = (size_t)(phase->depth.down * phase->depth.across);
    return entries * BLOCK_PIXELS * sizeof(struct block_pixel) / sizeof(float);
}

static size_t share_floats(const struct blocked_phase *phase) {
    return (PIECE_FLOATS + table_floats(phase) + 15) / 16 * 16;
}

size_t blocked_direct_bytes(const struct blocked_phase *phase, int threads) {
    return share_floats(phase) * sizeof(float) * (size_t)threads;
}

static const float zeros[MOST_LANES];

static struct block_pixel pixel_at(const struct piece *piece, int64_t y, int64_t x) {
    const struct blocked_input *input = &piece->input;
    const struct lattice_axis *axis = piece->phase->lattice.axis;
    const enum border border = piece->run->state->window.border;
    y = border_index(border, y, axis[1].in);
    x = border_index(border, x, axis[2].in);
    if (y < 0 || x < 0)
        return (struct block_pixel){zeros, 0};
    return (struct block_pixel){input->data + y * input->row + x * input->pixel, input->block};
}

/* All taps of the axis lie inside at this point. */
static bool is_inside(const struct lattice_axis *axis, int64_t point) {
    const int64_t first = lattice_input(axis, point, 0), last = lattice_input(axis, point, axis->taps - 1);
    return first >= 0 && first < axis->in && last >= 0 && last < axis->in;
}

/* The entries of one pixel. */
static void list_entries(const struct piece *piece, int64_t py, int64_t px, struct block_pixel *entry) {
    const struct blocked_input *input = &piece->input;
    const struct blocked_depth *depth = &piece->phase->depth;
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    const int64_t leftmost = depth->merged && ax->tap_step < 0 ? ax->taps - 1 : 0;
    const int64_t y = lattice_input(ay, py, 0), x = lattice_input(ax, px, leftmost);
    if (input->whole || (is_inside(ay, py) && is_inside(ax, px))) {
        const float *data = input->data + (y - input->lowest[0]) * input->row + (x - input->lowest[1]) * input->pixel;
        for (int64_t ty = 0; ty < depth->down; ty++)
            for (int64_t tx = 0; tx < depth->across; tx++, entry += BLOCK_PIXELS)
                *entry = (struct block_pixel){data + ty * ay->tap_step * input->row + tx * ax->tap_step * input->pixel,
                                              input->block};
        return;
    }
    for (int64_t ty = 0; ty < depth->down; ty++)
        for (int64_t tx = 0; tx < depth->across; tx++, entry += BLOCK_PIXELS)
            *entry = pixel_at(piece, y + ty * ay->tap_step, x + tx * ax->tap_step);
}

/* Where the pixels of a tile lie for every entry. Those past `count` stand for the last one. */
static void list_pixels(const struct piece *piece, int64_t first, int count, int rounded, int64_t block) {
    const int64_t entries = piece->phase->depth.down * piece->phase->depth.across;
    const int64_t across = piece->phase->lattice.axis[2].points;
    int64_t y = first / across, x = first % across;
    for (int i = 0; i < rounded; i++) {
        list_entries(piece, y, x, piece->pixels + i);
        if (i + 1 < count && ++x == across) {
            x = 0;
            y++;
        }
    }
    for (int64_t entry = 0; block > 0 && entry < entries; entry++)
        for (int i = 0; i < rounded; i++)
            piece->pixels[entry * BLOCK_PIXELS + i].data += block * piece->pixels[entry * BLOCK_PIXELS + i].step;
}

/* The finished sums of a tile, to their places: runs of pixels that lie side by side. */
static void store_tile(const struct piece *piece, int64_t first, int count, float *sums) {
    const struct lattice_axis *ay = &piece->phase->lattice.axis[1], *ax = &piece->phase->lattice.axis[2];
    const int64_t plane = ay->out * ax->out * CHANNEL_BLOCK;
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK;
    float *image = piece->run->y + (piece->image * piece->phase->rows + piece->block) * plane;
    for (int done = 0, columns; done < count; done += columns) {
        const int64_t y = (first + done) / ax->points, x = (first + done) % ax->points, left = ax->points - x;
        columns = left < count - done ? (int)left : count - done;
        float *place = image + ((ay->out0 + y * ay->out_step) * ax->out + ax->out0 + x * ax->out_step) * CHANNEL_BLOCK;
        blocked_finish(piece->run, NULL, piece->blocks, columns, sums + (size_t)done * lanes, CHANNEL_BLOCK, lanes,
                       place, (size_t)plane, (size_t)(ax->out_step * CHANNEL_BLOCK));
    }
}

/* The weights of a cut for the panel at this channel block. */
static const float *weights_at(const struct piece *piece, int64_t block, int blocks, int64_t cut) {
    const struct blocked_phase *phase = piece->phase;
    const int64_t groups = piece->run->state->window.group, entries = phase->depth.down * phase->depth.across;
    const int64_t before = cut * phase->depth.cut_blocks * entries * phase->depth.length;
    return phase->packed + piece->image % groups * (phase->floats / groups) +
           block * CHANNEL_BLOCK * phase->depth.total + before * blocks * CHANNEL_BLOCK;
}

/* One tile of one cut: all panels of the strip pass over the same pixels. */
static void multiply_tile(const struct piece *piece, struct block_source *source, int first, int count, int64_t cut) {
    const struct block_kernel *kernel = piece->run->kernels->block;
    const struct blocked_depth *depth = &piece->phase->depth;
    const float *bias =
        piece->run->bias +
        (piece->image % piece->run->state->window.group * piece->phase->rows + piece->block) * CHANNEL_BLOCK;
    const size_t lanes = (size_t)piece->blocks * CHANNEL_BLOCK;
    const bool more = cut + 1 < depth->cuts;
    for (int block = 0, blocks; block < piece->blocks; block += blocks) {
        blocks = piece->blocks - block < kernel->blocks ? piece->blocks - block : kernel->blocks;
        const int64_t place = piece->block + block;
        if (more || piece->last) {
            const float *next =
                more ? weights_at(piece, place, blocks, cut + 1) : weights_at(piece, place + piece->blocks, blocks, 0);
            const int most = kernel->pixels[blocks];
            blocked_ask_ahead(source, next, blocks, first / most, (piece->count + most - 1) / most);
        }
        kernel->tile(kernel->round(count, blocks), blocks, source, weights_at(piece, place, blocks, cut),
                     cut ? NULL : bias + block * CHANNEL_BLOCK,
                     piece->sums + (size_t)first * lanes + (size_t)block * CHANNEL_BLOCK, lanes, CHANNEL_BLOCK);
    }
}

static void run_piece(const struct piece *piece) {
    const struct blocked_depth *depth = &piece->phase->depth;
    const struct block_kernel *kernel = piece->run->kernels->block;
    const int widest = piece->blocks < kernel->blocks ? piece->blocks : kernel->blocks, most = kernel->pixels[widest];
    for (int64_t cut = 0; cut < depth->cuts; cut++) {
        const int64_t block0 = cut * depth->cut_blocks, left = depth->blocks - block0;
        struct block_source source = {.entries = (int)(depth->down * depth->across),
                                      .blocks = (int)(left < depth->cut_blocks ? left : depth->cut_blocks),
                                      .length = (int)depth->length,
                                      .pixels = piece->pixels};
        for (int first = 0; first < piece->count; first += most) {
            const int count = piece->count - first < most ? piece->count - first : most;
            /* What rounding adds goes behind the last sums. */
            list_pixels(piece, piece->first + first, count, kernel->round(count, widest), block0);
            multiply_tile(piece, &source, first, count, cut);
            if (cut + 1 == depth->cuts)
                store_tile(piece, piece->first + first, count,
                           piece->sums + (size_t)first * (size_t)piece->blocks * CHANNEL_BLOCK);
        }
    }
}

/* Pixels of a piece: some pieces for every thread to balance with. */
static int64_t piece_pixels(const struct blocked_run *run, const struct blocked_phase *phase, int64_t strips) {
    const int64_t images = run->state->window.batch * run->state->window.group, points = phase->lattice.points;
    int64_t pieces = (points + PIECE - 1) / PIECE;
    const int64_t wanted = run->threads > 1 ? (int64_t)run->threads * 6 : 1;
    if (images * strips * pieces < wanted)
        pieces = (wanted + images * strips - 1) / (images * strips);
    const int64_t size = (points + pieces - 1) / pieces;
    return size < 24 ? (points < 24 ? points : 24) : size;
}

void blocked_direct_run(const struct blocked_run *run, const struct blocked_phase *phase) {
    const int64_t images = run->state->window.batch * run->state->window.group, points = phase->lattice.points;
    if (points <= 0 || images <= 0)
        return;
    const int64_t strips = (phase->rows + STRIP - 1) / STRIP, size = piece_pixels(run, phase, strips);
    const int64_t pieces = (points + size - 1) / size, units = images * strips * pieces;
    const size_t share = share_floats(phase);
#pragma omp parallel for schedule(dynamic) num_threads(run->threads) if (run->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        float *room = run->workspace + (size_t)omp_get_thread_num() * share;
        struct piece piece = {.run = run,
                              .phase = phase,
                              .image = unit / (strips * pieces),
                              .first = unit % pieces * size,
                              .block = unit / pieces % strips * STRIP,
                              .sums = room,
                              .pixels = (struct block_pixel *)(room + PIECE_FLOATS)};
        piece.input = blocked_input_of(run, piece.image);
        piece.count = (int)(points - piece.first < size ? points - piece.first : size);
        piece.blocks = (int)(phase->rows - piece.block < STRIP ? phase->rows - piece.block : STRIP);
        piece.last = piece.first + piece.count == points;
        run_piece(&piece);
    }
}
