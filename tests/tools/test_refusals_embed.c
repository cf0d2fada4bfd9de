/* No memory in what other programs call: a clean error each time, or the same result. And that the result is right. */
#include "tests/support/refuse.h"
#include "tests/support/support.h"
#include "tools/embed/embed_checkpoint.h"
#include "tools/embed/embed_painter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM};

static status as_status(limner_status code, const limner_error *error, struct error *err) {
    assert_int_equal(code, error->status);
    return code ? fail(err, (status)code, "%s", error->message) : STATUS_OK;
}

/* ---- painting ---- */

#define SIDE 20
#define HOLE(x, y) ((x) >= 5 && (x) < 12 && (y) >= 6 && (y) < 9)

struct scene_case {
    unsigned char image[SIDE][SIDE][3], mask[SIDE][SIDE];
    limner_model *model, *edge;
    struct embed_result expected; /* without samples: not known yet */
};

static void fill(struct scene_case *scene) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            for (int c = 0; c < 3; c++)
                scene->image[y][x][c] = (unsigned char)(7 * x + 5 * y + 40 * c);
            scene->mask[y][x] = HOLE(x, y) ? 255 : 0;
        }
}

static void check_result(struct scene_case *scene, struct embed_result *result) {
    const size_t bytes = sizeof scene->image;
    if (!result->samples) {
        fail_msg("there is no result");
        return;
    }
    assert_int_equal(result->width * result->height * (size_t)result->channels, bytes);
    if (scene->expected.samples) {
        assert_memory_equal(result->samples, scene->expected.samples, bytes);
        free(result->samples);
        return;
    }
    const unsigned char(*made)[SIDE][3] = result->samples;
    int changed = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const bool same = memcmp(made[y][x], scene->image[y][x], 3) == 0;
            assert_true(same || HOLE(x, y));
            changed += !same;
        }
    assert_true(changed > 0);
    scene->expected = *result;
}

static struct embed_task task_of(const struct scene_case *scene) {
    return (struct embed_task){
        .image = {.width = SIDE, .height = SIDE, .channels = 3, .depth = 8, .samples = scene->image},
        .mask = {.width = SIDE, .height = SIDE, .channels = 1, .depth = 8, .samples = scene->mask}};
}

static status try_painting(void *context, struct error *err) {
    static const char *const words[] = {"--threads=1", "--blend=laplace", "--hole=0.5", "--overlap=8", "--tile=16"};
    struct scene_case *scene = context;
    const struct embed_request request = {.holes = 1,
                                          .words = words,
                                          .word_count = 5,
                                          .model = scene->model,
                                          .model_name = "the model",
                                          .edge = scene->edge,
                                          .edge_name = "the edge model"};
    const struct embed_task task = task_of(scene);
    struct embed_painter *painter;
    struct embed_result result = {.samples = NULL};
    limner_error error;
    limner_status code = embed_painter_create(&request, &painter, &error);
    assert_int_equal(code != LIMNER_OK, painter == NULL);
    if (!code)
        code = embed_painter_paint(painter, &task, &result, &error);
    embed_painter_close(painter);
    assert_int_equal(code != LIMNER_OK, result.samples == NULL);
    refuse_pause();
    if (!code)
        check_result(scene, &result);
    refuse_resume();
    return as_status(code, &error, err);
}

static void pictures_are_painted(void **state) {
    (void)state;
    struct scene_case scene = {.expected.samples = NULL};
    limner_error error;
    fill(&scene);
    if (limner_model_load("models/small/inpaint-torchscript17/model.onnx", NULL, &scene.model, &error) ||
        limner_model_load("models/small/edge-torchscript17/model.onnx", NULL, &scene.edge, &error))
        fail_msg("%s", error.message);
    struct error err;
    assert_int_equal(try_painting(&scene, &err), STATUS_OK); /* packs weights, which stay with the models */
    refuse_each("painting", &no_memory, try_painting, &scene);
    free(scene.expected.samples);
    limner_model_close(scene.model);
    limner_model_close(scene.edge);
}

/* ---- checkpoints ---- */

static status try_keys(void *context, struct error *err) {
    (void)context;
    char *json;
    limner_error error;
    const limner_status code = embed_keys("tests/data/checkpoints/training.pth", NULL, 1, &json, &error);
    assert_int_equal(code != LIMNER_OK, json == NULL);
    free(json);
    return as_status(code, &error, err);
}

static status try_conversion(void *context, struct error *err) {
    static const char *const words[] = {"--template=models/small/edge-dynamo20/model.onnx", "--half", "--eps=1e-5"};
    const struct embed_conversion wanted = {
        .checkpoint = "tests/data/convert/edge-old/saved.pth", .words = words, .word_count = 3, .output = context};
    struct embed_converted converted;
    limner_error error;
    const limner_status code = embed_convert(&wanted, &converted, &error);
    assert_int_equal(code != LIMNER_OK, converted.report == NULL);
    assert_int_equal(!code && !context, converted.model != NULL);
    free(converted.report);
    free(converted.model);
    return as_status(code, &error, err);
}

static void checkpoints_are_read(void **state) {
    (void)state;
    refuse_each("keys", &no_memory, try_keys, NULL);
    refuse_each("conversion in memory", &no_memory, try_conversion, NULL);
}

/* ---- what a refusal has nothing to do with ---- */

static void what_is_wrong_is_told(void **state) {
    (void)state;
    static const char *const words[] = {"--canny-low=0.5"};
    struct scene_case scene = {.expected.samples = NULL};
    struct embed_painter *painter;
    limner_error error;
    fill(&scene);
    assert_int_equal(limner_model_load("models/small/plain-torchscript17/model.onnx", NULL, &scene.model, &error),
                     LIMNER_OK);
    struct embed_request request = {
        .holes = 1, .words = words, .word_count = 1, .model = scene.model, .model_name = "the model"};
    assert_int_equal(embed_painter_create(&request, &painter, &error), LIMNER_INVALID_ARGUMENT);
    assert_string_equal(error.message, "--canny-high 0.2 is below --canny-low 0.5");
    request.word_count = 0;
    assert_int_equal(embed_painter_create(&request, &painter, &error), LIMNER_OK);
    struct embed_task task = task_of(&scene);
    struct embed_result result;
    memset(scene.mask, 0, sizeof scene.mask);
    assert_int_equal(embed_painter_paint(painter, &task, &result, &error), LIMNER_OK);
    assert_int_equal(result.unchanged, 1);
    assert_memory_equal(result.samples, scene.image, sizeof scene.image);
    free(result.samples);
    assert_string_equal(embed_painter_note(painter, 0),
                        "note: the mask has no hole: the result is the picture as it was");
    assert_null(embed_painter_note(painter, 1));
    embed_painter_clear_notes(painter);
    assert_null(embed_painter_note(painter, 0));
    task.mask.width = SIDE / 2;
    assert_int_equal(embed_painter_paint(painter, &task, &result, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "the mask: the mask is 10 by 20 pixels, the picture 20 by 20"));
    task.output = "picture.txt";
    assert_int_equal(embed_painter_paint(painter, &task, &result, &error), LIMNER_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "cannot tell what to write to 'picture.txt'"));
    embed_painter_close(painter);
    limner_model_close(scene.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pictures_are_painted), cmocka_unit_test(checkpoints_are_read),
                                       cmocka_unit_test(what_is_wrong_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
