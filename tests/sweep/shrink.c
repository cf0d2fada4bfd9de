/* Makes failing layers smaller. */
#include "tests/sweep/shrink.h"

#include <string.h>
#include <time.h>

#define SHRINK_SECONDS 20

/* ---- steps: each returns false where it changes nothing ---- */

static bool drop_last(struct layer *layer) {
    if (layer->count == 2)
        layer->join = JOIN_NONE;
    return layer->count > 1 && layer->count-- > 1;
}

static bool drop_first(struct layer *layer) {
    if (layer->count < 2 || layer->join == JOIN_CONCAT)
        return false;
    int size[2];
    if (is_product(&layer->stages[0]) || !stage_size(&layer->stages[0], layer->size, size))
        return false;
    memcpy(layer->size, size, sizeof size);
    layer->count--;
    layer->join = JOIN_NONE;
    memmove(&layer->stages[0], &layer->stages[1], (MOST_STAGES - 1) * sizeof layer->stages[0]);
    return true;
}

static bool drop_join(struct layer *layer) {
    const bool joined = layer->join == JOIN_ADD;
    layer->join = joined ? JOIN_NONE : layer->join;
    return joined;
}

static bool drop_behind(struct layer *layer) {
    bool changed = false;
    for (int i = 0; i < layer->count; i++) {
        struct stage *stage = &layer->stages[i];
        changed = changed || stage->bias || stage->norm || stage->activation || stage->pad;
        stage->bias = false;
        stage->norm = NORM_NONE;
        stage->activation = ACT_NONE;
        stage->pad = PAD_NONE;
    }
    return changed;
}

static bool drop_activations(struct layer *layer) {
    bool changed = false;
    for (int i = 0; i < layer->count; i++) {
        changed = changed || layer->stages[i].activation;
        layer->stages[i].activation = ACT_NONE;
    }
    return changed;
}

static bool one_picture(struct layer *layer) {
    const bool many = layer->batch > 1;
    layer->batch = 1;
    return many;
}

static bool take_part(int *number, int least, int divisor) {
    const int less = *number - *number / divisor;
    const bool smaller = less < *number && less >= least;
    *number = smaller ? less : *number;
    return smaller;
}

static bool half_rows(struct layer *layer) {
    return take_part(&layer->size[0], 1, 2);
}
static bool half_columns(struct layer *layer) {
    return take_part(&layer->size[1], 1, 2);
}
static bool less_rows(struct layer *layer) {
    return take_part(&layer->size[0], 1, 8);
}
static bool less_columns(struct layer *layer) {
    return take_part(&layer->size[1], 1, 8);
}

/* Of the input, or what stage i - 1 makes and stage i reads; groups keep the sizes that they have. */
static bool less_channels(struct layer *layer, int i, int divisor) {
    struct stage *before = i > 0 ? &layer->stages[i - 1] : NULL, *stage = i < layer->count ? &layer->stages[i] : NULL;
    if (layer->join || (!before && !stage) || (before && before->group > 1) || (stage && stage->group > 1) ||
        i > layer->count)
        return false;
    if (!take_part(before ? &before->out : &stage->in, 1, divisor))
        return false;
    if (before && stage)
        stage->in = before->out;
    return true;
}
static bool half_inputs(struct layer *layer) {
    return less_channels(layer, 0, 2);
}
static bool less_inputs(struct layer *layer) {
    return less_channels(layer, 0, 8);
}
static bool half_between(struct layer *layer) {
    return less_channels(layer, 1, 2);
}
static bool less_between(struct layer *layer) {
    return less_channels(layer, 1, 8);
}
static bool half_outputs(struct layer *layer) {
    return layer->count > 1 && less_channels(layer, layer->count, 2);
}

static bool (*const steps[])(struct layer *) = {drop_last,    drop_first, drop_join,    drop_behind, drop_activations,
                                                one_picture,  half_rows,  half_columns, half_inputs, half_between,
                                                half_outputs, less_rows,  less_columns, less_inputs, less_between};
#define STEPS (sizeof steps / sizeof steps[0])

struct layer shrink_layer(const struct layer *layer, limner_cpu cpu, bool threads, struct outcome *outcome) {
    const time_t end = time(NULL) + SHRINK_SECONDS;
    struct layer least = *layer;
    for (size_t i = 0, idle = 0; idle < STEPS && time(NULL) < end; i = (i + 1) % STEPS) {
        struct layer smaller = least;
        struct outcome now = {0};
        if (steps[i](&smaller) && layer_valid(&smaller))
            now = compare_layer(&smaller, cpu, threads, NULL, NULL);
        idle = now.failed ? 0 : idle + 1;
        if (now.failed) {
            least = smaller;
            *outcome = now;
        }
    }
    return least;
}
