/* tools/inpaint: regions, tiles, reach, masks, reflection, the meter's text, the mask grid. */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "tools/engine/node_facts.h"
#include "tools/files/npy.h"
#include "tools/files/picture_file.h"
#include "tools/inpaint/canvas.h"
#include "tools/inpaint/grid.h"
#include "tools/inpaint/meter.h"
#include "tools/inpaint/network_open.h"
#include "tools/inpaint/piece_input.h"
#include "tools/inpaint/ratio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- regions ---- */

static struct rect_list find(const uint8_t *hole, size_t width, size_t height, size_t margin, size_t multiple) {
    struct rect_list list;
    struct error err;
    assert_int_equal(regions_find(hole, width, height, margin, multiple, &list, &err), STATUS_OK);
    return list;
}

static void check_rect(const struct rect *rect, size_t x, size_t y, size_t width, size_t height) {
    if (rect->x != x || rect->y != y || rect->width != width || rect->height != height)
        fail_msg("%zu,%zu %zux%zu, expected %zu,%zu %zux%zu", rect->x, rect->y, rect->width, rect->height, x, y, width,
                 height);
}

static void punch(uint8_t *hole, size_t width, size_t x, size_t y, size_t w, size_t h) {
    for (size_t row = y; row < y + h; row++)
        memset(hole + row * width + x, 1, w);
}

static void holes_get_rectangles_of_their_own(void **state) {
    (void)state;
    enum { W = 300, H = 200 };
    static uint8_t hole[W * H];
    memset(hole, 0, sizeof hole);
    struct rect_list list = find(hole, W, H, 10, 4);
    assert_int_equal(list.count, 0);
    free(list.items);
    punch(hole, W, 40, 40, 30, 20);
    punch(hole, W, 200, 150, 5, 50);
    list = find(hole, W, H, 10, 1);
    assert_int_equal(list.count, 2);
    check_rect(&list.items[0], 30, 30, 50, 40);
    check_rect(&list.items[1], 190, 140, 25, 60); /* cut off by the picture's end */
    free(list.items);
    list = find(hole, W, H, 10, 16);
    check_rect(&list.items[0], 16, 16, 64, 64);
    check_rect(&list.items[1], 176, 128, 48, 72); /* ends with the picture */
    free(list.items);
    list = find(hole, W, H, 100, 1);
    assert_int_equal(list.count, 1);
    check_rect(&list.items[0], 0, 0, 300, 200);
    free(list.items);
    memset(hole, 0, sizeof hole);
    punch(hole, W, W - 2, 20, 2, 2); /* 296 is a multiple of 37 */
    list = find(hole, W, H, 0, 37);
    check_rect(&list.items[0], 259, 0, 41, 37); /* at least a unit wide, where the last one is cut off */
    free(list.items);
}

static bool apart(const struct rect *a, const struct rect *b) {
    return a->x + a->width <= b->x || b->x + b->width <= a->x || a->y + a->height <= b->y || b->y + b->height <= a->y;
}

static void check_regions(struct random *random) {
    enum { MOST = 160 };
    static uint8_t hole[MOST * MOST], seen[MOST * MOST];
    const size_t width = (size_t)random_int(random, 1, MOST), height = (size_t)random_int(random, 1, MOST);
    const size_t margin = (size_t)random_int(random, 0, 30), multiple = (size_t)random_int(random, 1, 16);
    memset(hole, 0, width * height);
    for (int64_t i = random_int(random, 0, 12); i > 0; i--) {
        const size_t x = (size_t)random_int(random, 0, (int64_t)width - 1);
        const size_t y = (size_t)random_int(random, 0, (int64_t)height - 1);
        punch(hole, width, x, y, (size_t)random_int(random, 1, (int64_t)(width - x)) / 4, (height - y + 7) / 8);
    }
    const struct rect_list list = find(hole, width, height, margin, multiple);
    memset(seen, 0, width * height);
    for (size_t i = 0; i < list.count; i++) {
        const struct rect *rect = &list.items[i];
        assert_true(rect->x + rect->width <= width && rect->y + rect->height <= height);
        assert_true(rect->x % multiple == 0 && rect->y % multiple == 0);
        assert_true(rect->width % multiple == 0 || rect->x + rect->width == width);
        assert_true(rect->height % multiple == 0 || rect->y + rect->height == height);
        assert_true(rect->width >= multiple || rect->width == width);
        assert_true(rect->height >= multiple || rect->height == height);
        for (size_t k = 0; k < i; k++)
            assert_true(apart(rect, &list.items[k]));
        punch(seen, width, rect->x, rect->y, rect->width, rect->height);
    }
    for (size_t i = 0; i < width * height; i++) {
        const size_t x = i % width, y = i / width;
        if (!hole[i])
            continue;
        const size_t left = x > margin ? x - margin : 0, top = y > margin ? y - margin : 0;
        const size_t right = x + margin < width ? x + margin : width - 1;
        const size_t bottom = y + margin < height ? y + margin : height - 1;
        assert_true(seen[i] && seen[top * width + left] && seen[bottom * width + right]);
    }
    free(list.items);
}

static void regions_cover_every_hole(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(2000); i++)
        check_regions(&random);
}

/* ---- tiles ---- */

static void check_tiling(size_t length, size_t size, size_t overlap) {
    const struct tiling tiling = tiling_make(length, size, overlap);
    float *sums = calloc(length, sizeof *sums);
    const size_t reach = tiling_reach(tiling.overlap);
    size_t end = 0;
    for (size_t tile = 0; tile < tiling.count; tile++) {
        const size_t start = tiling_start(&tiling, tile), count = tiling_length(&tiling, tile);
        assert_true(count >= 1 && start + count <= length && start <= end);
        for (size_t at = 0; at < count; at++) {
            const float weight = tiling_weight(&tiling, tile, at);
            const bool near_start = tile > 0 && at < reach;
            const bool near_end = tile + 1 < tiling.count && count - at <= reach;
            assert_true(weight >= 0 && weight <= 1);
            if (near_start || near_end)
                assert_true(weight <= 0);
            sums[start + at] += weight;
        }
        end = start + count;
    }
    assert_int_equal(end, length);
    for (size_t i = 0; i < length; i++)
        if (fabsf(sums[i] - 1) > 1e-6f)
            fail_msg("%zu in tiles of %zu by %zu: position %zu counts %g", length, size, overlap, i, (double)sums[i]);
    free(sums);
}

static void tiles_join_without_a_seam(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(2000); i++) {
        const size_t overlap = (size_t)random_int(&random, 0, 40);
        const size_t size = 2 * overlap + (size_t)random_int(&random, 1, 60);
        check_tiling((size_t)random_int(&random, 1, 500), size, overlap);
    }
}

/* ---- how far models look ---- */

static struct reach reach_of(const char *path) {
    struct onnx_model *model;
    struct reach reach = {.kind = REACH_UNKNOWN};
    struct error err;
    if (onnx_load(path, NULL, &model, &err) || reach_find(model, &reach, &err))
        fail_msg("%s", err.message);
    onnx_close(model);
    return reach;
}

static bool ends_in_tanh(const char *path) {
    struct onnx_model *model;
    struct error err;
    bool is_tanh = false;
    if (onnx_load(path, NULL, &model, &err) || output_is_tanh(model, 0, &is_tanh, &err))
        fail_msg("%s", err.message);
    onnx_close(model);
    return is_tanh;
}

static void pictures_statistics_are_recognised(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum reach_kind kind;
        bool tanh;
    } models[] = {
        {"models/small/edge-torchscript17/model.onnx", REACH_WHOLE, false},
        {"models/small/inpaint-torchscript9/model.onnx", REACH_WHOLE, false},
        {"models/small/inpaint-dynamo20/model.onnx", REACH_WHOLE, false},
        {"models/small/plain-torchscript17/model.onnx", REACH_LOCAL, true},
        {"models/small/plain-dynamo18/model.onnx", REACH_LOCAL, true},
        {"models/small/keyvalue-torchscript17/model.onnx", REACH_LOCAL, true},
        {"tests/data/inpaint/rgb-mask.onnx", REACH_LOCAL, false},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const struct reach reach = reach_of(models[i].path);
        if (reach.kind != models[i].kind)
            fail_msg("%s: kind %d (%s)", models[i].path, (int)reach.kind, reach.node);
        assert_int_equal(ends_in_tanh(models[i].path), models[i].tanh);
        if (reach.kind == REACH_WHOLE)
            assert_non_null(strstr(reach.node, "InstanceNormalization"));
    }
}

static void paint_plain(limner_session *session, const struct tensor *x, float *out, size_t count) {
    const limner_tensor input = {"picture", LIMNER_FLOAT, 4, {1, 3, x->shape.dims[2], x->shape.dims[3]},
                                 x->data,   x->bytes};
    limner_tensor output = {.name = NULL};
    limner_error error;
    if (limner_session_run(session, &input, 1, &output, 1, &error))
        fail_msg("%s", error.message);
    assert_true(output.bytes == count * sizeof *out);
    memcpy(out, output.data, output.bytes);
}

/* A change of one pixel shows no further than the bound, and the bound is not wildly larger. */
static void reach_is_an_upper_bound(void **state) {
    (void)state;
    enum { SIDE = 192, COUNT = 3 * SIDE * SIDE };
    static float before[COUNT], after[COUNT];
    const char *path = "models/small/plain-torchscript17/model.onnx";
    const double bound = reach_of(path).pixels;
    limner_model *model;
    limner_session *session;
    assert_int_equal(limner_model_load(path, NULL, &model, NULL), LIMNER_OK);
    assert_int_equal(limner_session_create(model, NULL, &session, NULL), LIMNER_OK);
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 3, SIDE, SIDE);
    test_fill(x, &random);
    paint_plain(session, x, before, COUNT);
    double farthest = 0;
    for (int shift = 0; shift < 16; shift++) {
        const int place = SIDE / 2 + shift;
        float *pixel = (float *)x->data + place * SIDE + place;
        const float kept = *pixel;
        *pixel += 3;
        paint_plain(session, x, after, COUNT);
        *pixel = kept;
        for (int i = 0; i < COUNT; i++)
            if (before[i] < after[i] || before[i] > after[i])
                farthest = fmax(farthest, fmax(abs(i % SIDE - place), abs(i / SIDE % SIDE - place)));
    }
    if (farthest > bound || bound > 3 * farthest)
        fail_msg("a pixel shows %g pixels far, the bound is %g", farthest, bound);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

/* ---- the steps of feature maps ---- */

static void ratios_stay_exact(void **state) {
    (void)state;
    struct ratio step = {1, 1};
    size_t grid = 1;
    for (int i = 0; i < 3; i++) {
        assert_true(ratio_scale(&step, 3) && ratio_scale(&step, 1.0 / 1.5));
        assert_true(ratio_whole_multiple(step, &grid));
    }
    assert_true(step.above == 8 && step.below == 1 && grid == 8);
    assert_true(ratio_scale(&step, 1.0 / 7) && ratio_scale(&step, 7.0 / 12) && step.above == 2 && step.below == 3);
    assert_false(ratio_scale(&step, 0.61803398874989485));
    assert_true(step.above == 2 && step.below == 3);
    assert_true(ratio_whole_multiple((struct ratio){9, 5}, &grid) && grid == 72);
    assert_false(ratio_whole_multiple((struct ratio){65521, 1}, &grid));
    assert_int_equal(grid, 72);
}

/* ---- networks ---- */

static void inputs_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum network_role role;
        status code;
        int inputs;
        double low;
    } models[] = {
        {"models/small/edge-torchscript17/model.onnx", ROLE_EDGE, STATUS_OK, 1, 0},
        {"models/small/inpaint-torchscript17/model.onnx", ROLE_EDGED, STATUS_OK, 1, 0},
        {"models/small/plain-torchscript17/model.onnx", ROLE_SINGLE, STATUS_OK, 1, -1},
        {"models/small/keyvalue-torchscript17/model.onnx", ROLE_SINGLE, STATUS_OK, 2, -1},
        {"tests/data/inpaint/rgb-mask.onnx", ROLE_SINGLE, STATUS_OK, 1, 0},
        {"tests/data/inpaint/image-and-mask.onnx", ROLE_SINGLE, STATUS_OK, 2, 0},
        {"tests/data/inpaint/odd.onnx", ROLE_SINGLE, STATUS_SHAPE, 0, 0},
        {"models/small/inpaint-torchscript17/model.onnx", ROLE_EDGE, STATUS_SHAPE, 0, 0},
        {"models/small/edge-torchscript17/model.onnx", ROLE_EDGED, STATUS_SHAPE, 0, 0},
        {"models/small/edge-torchscript17/model.onnx", ROLE_SINGLE, STATUS_SHAPE, 0, 0},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct meter meter;
        struct pool *pool = pool_create();
        const struct network_request request = {models[i].path, NULL, models[i].role, NULL, pool, &meter};
        struct network network;
        struct error err;
        meter_init(&meter);
        const status code = network_open(&network, &request, &err);
        if (code != models[i].code)
            fail_msg("%s: %d %s", models[i].path, (int)code, code ? err.message : "");
        if (!code) {
            assert_int_equal(network.input_count, models[i].inputs);
            assert_true(fabs(network.form.low - models[i].low) < 1e-9);
        }
        network_close(&network);
        meter_destroy(&meter);
        pool_destroy(pool);
    }
}

static void reflection_never_leaves_the_row(void **state) {
    (void)state;
    static const size_t four[] = {0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2};
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(reflected(i, 4), four[i]);
        assert_int_equal(reflected(i, 2), i % 2);
        assert_int_equal(reflected(i, 1), 0);
    }
}

/* ---- files ---- */

static void write_file(const char *path, const void *data, size_t size) {
    struct staging staging = {NULL, 0};
    struct error err;
    if (staging_add(&staging, path, data, size, &err) || staging_commit(&staging, &err))
        fail_msg("%s", err.message);
    staging_close(&staging);
}

static void write_picture(const char *path, size_t width, size_t height, int channels, const uint8_t *samples) {
    uint8_t copy[256];
    struct byte_buffer bytes;
    struct error err;
    memcpy(copy, samples, width * height * (size_t)channels);
    const struct picture picture = {width, height, channels, 8, copy, NULL};
    assert_int_equal(picture_encode(&picture, PICTURE_PNG, &bytes, &err), STATUS_OK);
    write_file(path, bytes.data, bytes.size);
    free(bytes.data);
}

static void check_mask(const char *folder, const struct mask_options *options, const char *expected, size_t faint) {
    char image[512], mask[512];
    struct scene scene;
    struct mask_notes notes;
    struct error err;
    snprintf(image, sizeof image, "%s/image.png", folder);
    snprintf(mask, sizeof mask, "%s/mask.png", folder);
    const struct scene_request request = {{image, NULL}, {mask, NULL}, options, 100, false};
    if (scene_read(&request, &scene, &notes, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < strlen(expected); i++)
        if (scene.hole[i] != (expected[i] == '1'))
            fail_msg("pixel %zu of %s", i, expected);
    assert_int_equal(notes.faint, faint);
    scene_close(&scene);
}

static void masks_are_read_in_every_way(void **state) {
    (void)state;
    char *folder = test_folder();
    char path[512];
    static const uint8_t image[6] = {1, 2, 3, 4, 5, 6};
    static const uint8_t gray[6] = {0, 1, 255, 100, 30, 0};
    static const uint8_t clear[12] = {255, 0, 255, 255, 0, 255, 9, 255, 200, 128, 0, 0}; /* gray and alpha */
    snprintf(path, sizeof path, "%s/image.png", folder);
    write_picture(path, 3, 2, 1, image);
    snprintf(path, sizeof path, "%s/mask.png", folder);
    write_picture(path, 3, 2, 1, gray);
    check_mask(folder, &(struct mask_options){false, 0}, "011110", 2);
    check_mask(folder, &(struct mask_options){true, 0}, "100001", 2);
    check_mask(folder, &(struct mask_options){false, 127}, "001000", 0);
    check_mask(folder, &(struct mask_options){true, 29}, "110001", 1);
    write_picture(path, 3, 2, 2, clear);
    check_mask(folder, &(struct mask_options){false, 0}, "010110", 1);
    write_picture(path, 1, 2, 1, gray + 1); /* resized */
    check_mask(folder, &(struct mask_options){false, 1}, "000111", 0);
    test_folder_remove(folder);
}

static status read_grid_of(const char *folder, const struct tensor *tensor, struct mask_grid *grid, struct error *err) {
    char path[512];
    struct byte_buffer bytes;
    snprintf(path, sizeof path, "%s/grid.npy", folder);
    assert_int_equal(npy_write(tensor, &bytes, err), STATUS_OK);
    write_file(path, bytes.data, bytes.size);
    free(bytes.data);
    return grid_read(path, 1000, grid, err);
}

static void grids_are_integers(void **state) {
    (void)state;
    char *folder = test_folder();
    struct mask_grid grid;
    struct error err;
    struct tensor *good = test_tensor(DTYPE_INT32, 3, 1, 2, 3), *wrong = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    struct tensor *deep = test_tensor(DTYPE_INT64, 3, 2, 2, 3);
    for (int i = 0; i < 6; i++)
        ((int32_t *)good->data)[i] = i - 1;
    assert_int_equal(read_grid_of(folder, good, &grid, &err), STATUS_OK);
    assert_true(grid.height == 2 && grid.width == 3 && grid.values[0] == -1 && grid.values[5] == 4);
    free(grid.values);
    assert_int_equal(read_grid_of(folder, wrong, &grid, &err), STATUS_SHAPE);
    assert_int_equal(read_grid_of(folder, deep, &grid, &err), STATUS_SHAPE);
    test_tensor_free(good);
    test_tensor_free(wrong);
    test_tensor_free(deep);
    test_folder_remove(folder);
}

/* ---- the canvas ---- */

static void samples_are_cut_off(void **state) {
    (void)state;
    uint8_t samples[2] = {10, 20}, hole[2] = {1, 0};
    const struct scene scene = {.picture = {2, 1, 1, 8, samples, NULL}, .hole = hole};
    const struct canvas_wish wish = {.depth = 8};
    const struct rect rect = {0, 0, 2, 1};
    float light[6] = {0.99995f, 3, 4, 3, NAN, 3}; /* R R G G B B */
    const struct light_map output = {light, 3, 1, 2};
    struct canvas canvas;
    struct error err;
    assert_int_equal(canvas_open(&canvas, &scene, &wish, &err), STATUS_OK);
    canvas_put(&canvas, &rect, &output, NULL);
    static const unsigned expected[6] = {254, 255, 0, 20, 20, 20};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(picture_sample(&canvas.picture, i), expected[i]);
    assert_int_equal(canvas.seen.not_numbers, 1);
    canvas_close(&canvas);
}

static void the_meter_tells_rate_and_time(void **state) {
    (void)state;
    char text[METER_TEXT_BYTES];
    assert_string_equal(meter_text("pictures", 0, 8, 0, text), "[........................] 0 of 8 pictures");
    assert_string_equal(meter_text("pictures", 4, 8, 8, text),
                        "[############............] 4 of 8 pictures, 0.5 a second, 0:00:08 left");
    assert_string_equal(meter_text("tiles", 1, 4000, 2, text),
                        "[........................] 1 of 4000 tiles, 0.5 a second, 2:13:18 left");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_get_rectangles_of_their_own),
        cmocka_unit_test(regions_cover_every_hole),
        cmocka_unit_test(tiles_join_without_a_seam),
        cmocka_unit_test(pictures_statistics_are_recognised),
        cmocka_unit_test(reach_is_an_upper_bound),
        cmocka_unit_test(ratios_stay_exact),
        cmocka_unit_test(inputs_are_told_apart),
        cmocka_unit_test(reflection_never_leaves_the_row),
        cmocka_unit_test(masks_are_read_in_every_way),
        cmocka_unit_test(grids_are_integers),
        cmocka_unit_test(samples_are_cut_off),
        cmocka_unit_test(the_meter_tells_rate_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
