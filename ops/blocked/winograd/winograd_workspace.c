#include "ops/blocked/winograd/winograd_workspace.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_tiling.h"

#define LANES CHANNEL_BLOCK

static size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t whole_lines(int64_t floats) {
    return (size_t)whole_units(floats, LANES);
}

/* The kernel reads whole tiles: what a last one reads beyond a block's end is of no account. */
size_t filter_input_floats(const struct filter_shape *shape) {
    return whole_lines(shape->points * shape->point + BLOCK_PIXELS * LANES);
}

void filter_add_room(struct filter_room *room, const struct blocked_phase *phase, int threads) {
    const struct filter_lattice *filter = &phase->filters[0]; /* the others differ in numbers of tiles alone */
    const struct filter_shape *b = &filter->shape;
    if (!b->shared)
        room->own_inputs = threads > 1;
    room->inputs = greatest(room->inputs, filter_input_floats(b));
    room->sums = greatest(room->sums, whole_lines(b->points * b->sum_point));
    room->weights = greatest(room->weights, (size_t)(filter_made(filter) * filter_made_place(b)));
    if (filter->weights == FILTER_PAIRS && b->cut < b->depth)
        room->waiting = greatest(room->waiting, (size_t)(filter_panels(b) * filter_segments(b, filter_round_tiles(b))));
}

struct filter_room filter_room_for(const struct blocked_phase *phase, int threads) {
    struct filter_room room = {0};
    filter_add_room(&room, phase, threads);
    return room;
}

/* Sums of all segments that wait, or of one. */
static size_t all_sums(const struct filter_room *room) {
    return room->sums * (room->waiting ? room->waiting : 1);
}

/* What waits is of all threads together, unless they go apart. */
static bool own_sums(const struct filter_room *room) {
    return room->apart || room->waiting == 0;
}

static struct blocked_bytes room_bytes(const struct filter_room *room) {
    const size_t inputs = room->inputs * sizeof(float), sums = all_sums(room) * sizeof(float);
    struct blocked_bytes bytes = {.own = room->weights * sizeof(float)};
    *(room->own_inputs ? &bytes.own : &bytes.shared) += inputs;
    *(own_sums(room) ? &bytes.own : &bytes.shared) += sums;
    return bytes;
}

bool filter_is_owned(const struct blocked_phase *phase) {
    return phase->filter_count > 0 && !phase->filters[0].shape.shared && phase->filters[0].weights != FILTER_PANELS;
}

/* Panels for each thread that make it worth the while to transform their inputs by itself. */
#define LEAST_PANELS 12

bool filter_goes_apart(const struct blocked_state *state, int threads) {
    int64_t panels = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (blocked_keeps(&state->phases[i], FILTER_PAIRS))
            panels += filter_panels(&state->phases[i].filters[0].shape);
    return panels > 0 &&
           forced_decide(state->forced->apart, panels >= (threads > 1 ? (int64_t)LEAST_PANELS * threads : 1));
}

struct filter_room filter_room_apart(const struct blocked_state *state, int threads) {
    struct filter_room room = {0};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (blocked_keeps(&state->phases[i], FILTER_PAIRS))
            filter_add_room(&room, &state->phases[i], threads);
    room.own_inputs = room.apart = true;
    return room;
}

struct blocked_bytes blocked_filter_bytes(const struct blocked_state *state, int threads) {
    const bool apart = filter_goes_apart(state, threads);
    const struct filter_room pairs = filter_room_apart(state, threads);
    struct filter_room owned = {0};
    struct blocked_bytes most = apart ? room_bytes(&pairs) : (struct blocked_bytes){0};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const struct filter_room room = filter_room_for(phase, threads);
        if (filter_is_owned(phase))
            filter_add_room(&owned, phase, threads);
        else if (phase->filter_count > 0 && !(apart && blocked_keeps(phase, FILTER_PAIRS)))
            blocked_add_bytes(&most, room_bytes(&room));
    }
    blocked_add_bytes(&most, room_bytes(&owned));
    return most;
}

struct filter_share filter_share_of(const struct blocked_run *run, const struct filter_room *room,
                                    struct team_thread self) {
    float *shared = run->workspace, *own = blocked_own(run, self);
    struct filter_share share = {.segment_sums = room->waiting ? room->sums : 0};
    float **inputs = room->own_inputs ? &own : &shared, **sums = own_sums(room) ? &own : &shared;
    share.inputs = *inputs;
    *inputs += room->inputs;
    share.sums = *sums;
    *sums += all_sums(room);
    share.weights = own;
    return share;
}
