/* RoiAlign and NonMaxSuppression with random regions and boxes, against their definitions in double precision. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- RoiAlign ---- */

struct regions {
    int64_t pictures, channels, size[2], bins[2], count, samples;
    bool largest, half;
    double scale;
    const struct tensor *x, *rois, *rows;
};

/* A bilinear sample's four parts, in parts; a corner without weight is zero, whatever stands there. */
static void sample_parts(const struct regions *r, int64_t plane, const double place[2], double parts[4]) {
    int64_t low[2];
    double rest[2];
    memset(parts, 0, 4 * sizeof *parts);
    for (int k = 0; k < 2; k++) {
        if (!(place[k] >= -1 && place[k] <= (double)r->size[k]))
            return;
        const double inside = fmin(fmax(place[k], 0), (double)(r->size[k] - 1));
        low[k] = (int64_t)inside;
        rest[k] = inside - (double)low[k];
    }
    for (int c = 0; c < 4; c++) {
        const int64_t down = c >> 1, right = c & 1;
        const int64_t y = low[0] + down < r->size[0] ? low[0] + down : low[0];
        const int64_t x = low[1] + right < r->size[1] ? low[1] + right : low[1];
        const double weight = (down ? rest[0] : 1 - rest[0]) * (right ? rest[1] : 1 - rest[1]);
        if (weight != 0)
            parts[c] = weight * number_get(r->x, (plane * r->size[0] + y) * r->size[1] + x);
    }
}

static double region_expected(const struct regions *r, int64_t o) {
    const int64_t per_plane = r->bins[0] * r->bins[1], roi = o / per_plane / r->channels;
    const int64_t bin[] = {o % per_plane / r->bins[1], o % r->bins[1]};
    const int64_t plane = ((const int64_t *)r->rows->data)[roi] * r->channels + o / per_plane % r->channels;
    double start[2], step[2], sum = 0, most = -INFINITY;
    int64_t samples[2];
    for (int k = 0; k < 2; k++) {
        const double offset = r->half ? 0.5 : 0, first = number_get(r->rois, roi * 4 + 1 - k) * r->scale - offset;
        double length = number_get(r->rois, roi * 4 + 3 - k) * r->scale - offset - first;
        length = r->half || length > 1 ? length : 1;
        step[k] = length / (double)r->bins[k];
        samples[k] = r->samples ? r->samples : (int64_t)fmax(0, ceil(step[k]));
        start[k] = first + (double)bin[k] * step[k];
    }
    for (int64_t i = 0; i < samples[0] * samples[1]; i++) {
        double parts[4];
        const int64_t at[] = {i / samples[1], i % samples[1]};
        double place[2];
        for (int k = 0; k < 2; k++)
            place[k] = start[k] + ((double)at[k] + 0.5) * step[k] / (double)samples[k];
        sample_parts(r, plane, place, parts);
        for (int c = 0; c < 4; c++) {
            sum += parts[c];
            most = isnan(most) || most > parts[c] ? most : parts[c];
        }
    }
    const double count = (double)(samples[0] * samples[1]);
    return count == 0 ? 0 : r->largest ? most : sum / count;
}

static void check_regions(struct random *random, int round) {
    struct regions r = {.pictures = random_int(random, 1, 2),
                        .channels = random_int(random, 1, round % 2 ? 40 : 9),
                        .size = {random_int(random, 1, 9), random_int(random, 1, 9)},
                        .bins = {random_int(random, 1, 5), random_int(random, 1, 5)},
                        .count = random_int(random, 0, 6),
                        .samples = random_int(random, 0, 1) * random_int(random, 1, 10),
                        .largest = round % 3 == 0,
                        .half = round % 5 < 2,
                        .scale = 0.5};
    const enum dtype dtype = round % 4 ? DTYPE_FLOAT : DTYPE_DOUBLE;
    struct tensor *x = test_tensor(dtype, 4, r.pictures, r.channels, r.size[0], r.size[1]),
                  *rois = test_tensor(dtype, 2, r.count, 4), *rows = test_tensor(DTYPE_INT64, 1, r.count);
    const struct tensor *inputs[] = {x, rois, rows};
    struct test_node node;
    r.x = x, r.rois = rois, r.rows = rows;
    number_fill(x, random, -3, 3);
    number_fill(rois, random, -4, 22);
    for (int64_t i = 0; round % 7 == 0 && i < tensor_elements(x); i += random_int(random, 1, 20))
        number_set(x, i, random_int(random, 0, 1) ? (double)NAN : (double)INFINITY);
    for (int64_t i = 0; i < r.count; i++)
        ((int64_t *)rows->data)[i] = random_int(random, 0, r.pictures - 1);
    test_node_init(&node, "RoiAlign", 3, 1);
    test_node_text(&node, "mode", r.largest ? "max" : "avg");
    test_node_text(&node, "coordinate_transformation_mode", r.half ? "half_pixel" : "output_half_pixel");
    test_node_int(&node, "output_height", r.bins[0]);
    test_node_int(&node, "output_width", r.bins[1]);
    test_node_int(&node, "sampling_ratio", r.samples);
    test_node_float(&node, "spatial_scale", (float)r.scale);
    struct tensor *y = test_run_all_ways(&node, 16, inputs);
    for (int64_t i = 0; i < tensor_elements(y); i++)
        test_number(y, i, region_expected(&r, i), 0, dtype == DTYPE_FLOAT ? 1e-5 : 1e-9, "RoiAlign");
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(rois);
    test_tensor_free(rows);
}

static void regions(void **state) {
    struct random random = random_from(test_seed() + 101);
    (void)state;
    for (int round = 0; round < test_cases(210); round++)
        check_regions(&random, round);
}

/* ---- NonMaxSuppression ---- */

static double share(const float *a, const float *b) {
    double common = 1, all = 0;
    for (int k = 0; k < 2; k++) {
        const double low = fmax(fmin((double)a[k], (double)a[k + 2]), fmin((double)b[k], (double)b[k + 2]));
        const double high = fmin(fmax((double)a[k], (double)a[k + 2]), fmax((double)b[k], (double)b[k + 2]));
        common *= fmax(0, high - low);
    }
    const float *both[] = {a, b};
    for (int i = 0; i < 2; i++)
        all += fabs(((double)both[i][2] - (double)both[i][0]) * ((double)both[i][3] - (double)both[i][1]));
    return all - common > 0 ? common / (all - common) : 0;
}

/* NaN is below everything. */
static bool comes_first(const float *scores, int64_t a, int64_t b) {
    if (isnan(scores[a]) || isnan(scores[b]))
        return isnan(scores[a]) == isnan(scores[b]) ? a < b : isnan(scores[b]);
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

/* The boxes of a class, best first, that overlap none before them; how many. */
static int64_t keep_boxes(const float *boxes, const float *scores, int64_t count, int64_t most, double limit,
                          double above, int64_t *kept) {
    bool *gone = calloc((size_t)count + 1, sizeof *gone);
    int64_t chosen = 0;
    while (chosen < most) {
        int64_t best = -1;
        for (int64_t i = 0; i < count; i++)
            if (!gone[i] && (double)scores[i] > above && (best < 0 || comes_first(scores, i, best)))
                best = i;
        if (best < 0)
            break;
        kept[chosen++] = best;
        for (int64_t i = 0; i < count; i++)
            gone[i] |= i == best || share(boxes + 4 * best, boxes + 4 * i) > limit;
    }
    free(gone);
    return chosen;
}

/* Corners at eighths: shares are exact. */
static void fill_boxes(struct tensor *boxes, struct tensor *scores, struct random *random, int round) {
    float *b = boxes->data, *s = scores->data;
    for (int64_t i = 0; i < tensor_elements(boxes); i++)
        b[i] = (float)random_int(random, 0, 40) / 8;
    for (int64_t i = 0; i < tensor_elements(scores); i++) {
        s[i] = (float)random_int(random, -5, 20) / 16;
        if (round % 5 == 0 && random_int(random, 0, 9) == 0)
            s[i] = random_int(random, 0, 1) ? NAN : random_int(random, 0, 1) ? INFINITY : -INFINITY;
    }
    for (int64_t i = 0; round % 7 == 0 && i < tensor_elements(boxes); i += random_int(random, 20, 60))
        b[i] = INFINITY; /* an area without end overlaps nothing */
}

static void check_boxes(struct random *random, int round) {
    const int64_t batch = random_int(random, 0, 3), classes = random_int(random, 0, round % 9 ? 4 : 70);
    const int64_t count = random_int(random, 0, round % 3 ? 20 : 200);
    struct tensor *boxes = test_tensor(DTYPE_FLOAT, 3, batch, count, 4),
                  *scores = test_tensor(DTYPE_FLOAT, 3, batch, classes, count),
                  *most = test_ints(1, (const int64_t[]){random_int(random, 0, count + 3)}),
                  *limit = test_tensor(DTYPE_FLOAT, 1, 1), *above = test_tensor(DTYPE_FLOAT, 1, 1);
    const struct tensor *inputs[] = {boxes, scores, most, limit, above};
    int64_t *kept = calloc((size_t)count + 4, sizeof *kept), place = 0;
    struct test_node node;
    *(float *)limit->data = (float)random_int(random, 0, 8) / 8;
    *(float *)above->data = (float)random_int(random, -6, 16) / 16;
    fill_boxes(boxes, scores, random, round);
    test_node_init(&node, "NonMaxSuppression", 5, 1);
    struct tensor *y = test_run_all_ways(&node, 11, inputs);
    const int64_t *found = y->data;
    for (int64_t c = 0; c < batch * classes; c++) {
        const int64_t chosen =
            keep_boxes((const float *)boxes->data + c / classes * count * 4, (const float *)scores->data + c * count,
                       count, *(const int64_t *)most->data, (double)*(const float *)limit->data,
                       (double)*(const float *)above->data, kept);
        for (int64_t i = 0; i < chosen; i++, place++) {
            assert_true(place < y->shape.dims[0]);
            assert_int_equal(found[3 * place], c / classes);
            assert_int_equal(found[3 * place + 1], c % classes);
            if (found[3 * place + 2] != kept[i])
                fail_msg("box %lld of class %lld: %lld, expected %lld (seed %llu)", (long long)i, (long long)c,
                         (long long)found[3 * place + 2], (long long)kept[i], (unsigned long long)test_seed());
        }
    }
    assert_int_equal(place, y->shape.dims[0]);
    free(kept);
    test_tensor_free(y);
    test_tensor_free(boxes);
    test_tensor_free(scores);
    test_tensor_free(most);
    test_tensor_free(limit);
    test_tensor_free(above);
}

static void boxes(void **state) {
    struct random random = random_from(test_seed() + 102);
    (void)state;
    for (int round = 0; round < test_cases(200); round++)
        check_boxes(&random, round);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(regions), cmocka_unit_test(boxes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
