/* tools/inpaint/canny, gaussian: against scikit-image's edges in tests/data/inpaint (made by make_inpaint.py). */
#include "tests/support/support.h"

#include "tools/inpaint/gaussian.h"
#include "tools/inpaint/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/data/inpaint/"

static const struct {
    const char *name, *picture;
    bool masked;
    struct canny_options options;
} cases[] = {
    {"cat", "cat", false, {2, 0.1, 0.2}},           {"cat-hole", "cat", true, {2, 0.1, 0.2}},
    {"cat-sharp", "cat", true, {0, 0.1, 0.2}},      {"cat-thresholds", "cat", false, {1.4, 0.02, 0.3}},
    {"cat-wide", "cat", true, {20, 0.001, 0.01}},   {"shapes", "shapes", false, {2, 0.1, 0.2}},
    {"shapes-hole", "shapes", true, {1, 0.1, 0.2}}, {"shapes-low", "shapes", false, {1, 0, 0}},
    {"noise", "noise", true, {0.5, 0.1, 0.2}},      {"line", "line", false, {2, 0.1, 0.2}},
    {"small", "small", false, {1, 0.05, 0.1}},
};

static void read_scene(const char *image, const char *mask, struct scene *scene) {
    char image_path[256], mask_path[256];
    const struct mask_options options = {false, 0};
    struct mask_notes notes;
    struct error err;
    snprintf(image_path, sizeof image_path, FOLDER "%s.png", image);
    snprintf(mask_path, sizeof mask_path, FOLDER "%s.png", mask);
    const struct scene_request request = {{image_path, NULL}, {mask_path, NULL}, &options, 1000000, false};
    if (scene_read(&request, scene, &notes, &err))
        fail_msg("%s", err.message);
}

static void check_case(size_t i) {
    char mask[128], expected[128];
    struct scene scene, wanted;
    struct error err;
    snprintf(mask, sizeof mask, "%s-mask", cases[i].picture);
    snprintf(expected, sizeof expected, "%s-edges", cases[i].name);
    read_scene(cases[i].picture, mask, &scene);
    read_scene(cases[i].picture, expected, &wanted); /* its edges as if they were a hole */
    const size_t pixels = scene.picture.width * scene.picture.height;
    if (!cases[i].masked)
        memset(scene.hole, 0, pixels);
    assert_int_equal(scene_find_edges(&scene, &cases[i].options, &err), STATUS_OK);
    size_t different = 0;
    for (size_t k = 0; k < pixels; k++)
        different += scene.edges[k] != wanted.hole[k];
    if (different)
        fail_msg("%s: %zu of %zu pixels differ", cases[i].name, different, pixels);
    scene_close(&scene);
    scene_close(&wanted);
}

static void edges_are_those_of_scikit_image(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(i);
}

/* ---- pictures made here ---- */

struct plane {
    size_t width;
    const double *light;
};

static void plane_row(const void *picture, size_t y, double *row) {
    const struct plane *plane = picture;
    memcpy(row, plane->light + y * plane->width, plane->width * sizeof *row);
}

static size_t count_edges(const double *light, const uint8_t *hole, size_t width, size_t height,
                          const struct canny_options *options, uint8_t *edges) {
    const struct plane plane = {width, light};
    const struct canny_source source = {width, height, plane_row, &plane, hole};
    struct error err;
    memset(edges, 7, width * height);
    assert_int_equal(canny(&source, options, edges, &err), STATUS_OK);
    size_t count = 0;
    for (size_t i = 0; i < width * height; i++) {
        assert_true(edges[i] <= 1);
        count += edges[i];
    }
    return count;
}

static void every_size_is_served(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    double light[12 * 12];
    uint8_t hole[12 * 12], edges[12 * 12];
    for (size_t height = 1; height <= 12; height++)
        for (size_t width = 1; width <= 12; width++)
            for (int sigma = 0; sigma < 4; sigma++) {
                for (size_t i = 0; i < width * height; i++) {
                    light[i] = (double)random_float(&random);
                    hole[i] = random_int(&random, 0, 4) == 0;
                }
                const struct canny_options options = {sigma, 0, 0};
                const size_t count = count_edges(light, hole, width, height, &options, edges);
                for (size_t i = 0; i < width * height; i++)
                    assert_false(edges[i] && hole[i]);
                if (width < 3 || height < 3)
                    assert_int_equal(count, 0);
            }
}

/* Rows that are longer than the Gaussian, and the other way round, with a step in the middle. */
static void a_step_is_one_line(void **state) {
    (void)state;
    enum { WIDTH = 40, HEIGHT = 9 };
    static double light[WIDTH * HEIGHT];
    uint8_t edges[WIDTH * HEIGHT];
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        light[i] = i % WIDTH >= 20 ? 1 : 0;
    const struct canny_options options = {1, CANNY_LOW, CANNY_HIGH};
    const size_t count = count_edges(light, NULL, WIDTH, HEIGHT, &options, edges);
    assert_true(count >= HEIGHT - 2 && count <= 2 * (HEIGHT - 2)); /* 19 and 20 are alike: both may stand */
    for (size_t y = 1; y + 1 < HEIGHT; y++)
        assert_true(edges[y * WIDTH + 19] || edges[y * WIDTH + 20]);
}

/* A hole's border is no edge, however bright its pixels are. */
static void holes_have_no_edges(void **state) {
    (void)state;
    enum { SIDE = 32 };
    static double light[SIDE * SIDE];
    static uint8_t hole[SIDE * SIDE];
    uint8_t edges[SIDE * SIDE];
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const size_t x = i % SIDE, y = i / SIDE;
        hole[i] = x >= 10 && x < 20 && y >= 8 && y < 25;
        light[i] = hole[i] ? (double)(x * y % 7) : 0.5;
    }
    const struct canny_options options = {2, CANNY_LOW, CANNY_HIGH};
    assert_int_equal(count_edges(light, hole, SIDE, SIDE, &options, edges), 0);
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    static const struct canny_options wrong[] = {
        {-1, 0.1, 0.2}, {CANNY_MOST_SIGMA * 1.01, 0.1, 0.2}, {NAN, 0.1, 0.2}, {2, 0.3, 0.2}, {2, NAN, 0.2}};
    const double light = 0;
    const struct plane plane = {1, &light};
    const struct canny_source source = {1, 1, plane_row, &plane, NULL};
    uint8_t edges;
    struct error err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(canny(&source, &wrong[i], &edges, &err), STATUS_INVALID_ARGUMENT);
}

/* ---- the Gaussian ---- */

static void kernels_sum_to_one(void **state) {
    (void)state;
    static const double sigmas[] = {0, 0.1, 0.5, 1, 2, 7.3, 50, CANNY_MOST_SIGMA};
    for (size_t i = 0; i < sizeof sigmas / sizeof sigmas[0]; i++) {
        const size_t radius = gaussian_radius(sigmas[i]);
        assert_true(fabs((double)radius - 4 * sigmas[i]) <= 0.5);
        double *weights = malloc((radius + 1) * sizeof *weights), *full = malloc((2 * radius + 1) * sizeof *full);
        gaussian_kernel(sigmas[i], radius, weights, full);
        double sum = weights[0];
        for (size_t j = 1; j <= radius; j++) {
            sum += 2 * weights[j];
            const double ratio = exp(-0.5 * (double)(j * j) / (sigmas[i] * sigmas[i]));
            assert_true(fabs(weights[j] / weights[0] - ratio) <= 1e-15 + 1e-12 * ratio);
        }
        assert_true(fabs(sum - 1) < 1e-12);
        free(weights);
        free(full);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_are_those_of_scikit_image),
        cmocka_unit_test(every_size_is_served),
        cmocka_unit_test(a_step_is_one_line),
        cmocka_unit_test(holes_have_no_edges),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(kernels_sum_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
