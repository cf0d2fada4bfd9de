/*
 * No memory in any of limner's commands: exit status 75 and a message, nothing written; or, where what failed was not
 * needed (kept weights), the same words and files as ever.
 */
#include "tests/support/refuse_command.h"
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct refusal no_memory = {.kinds = REFUSE_MEMORY, .number = ENOMEM};

#define WORDS(...) .words = {__VA_ARGS__, NULL}

/* ---- the commands ---- */

static void keys_are_listed(void **state) {
    (void)state;
    refuse_command(&no_memory,
                   (struct command_line){"keys of a zip file", WORDS("keys", "tests/data/checkpoints/training.pth")});
    refuse_command(&no_memory,
                   (struct command_line){"keys of an old pickle",
                                         WORDS("keys", "tests/data/checkpoints/training-legacy.pth", "--json")});
    refuse_command(&no_memory,
                   (struct command_line){"keys of safetensors",
                                         WORDS("keys", "tests/data/checkpoints/types.safetensors", "--verify")});
    refuse_command(&no_memory, (struct command_line){"keys of a compressed archive",
                                                     WORDS("keys", "tests/data/checkpoints/packed.npz")});
    refuse_command(&no_memory,
                   (struct command_line){"keys of pickled arrays", WORDS("keys", "tests/data/checkpoints/numpy2.pkl")});
    refuse_command(&no_memory,
                   (struct command_line){"keys of a module", WORDS("keys", "tests/data/checkpoints/module.pth")});
    refuse_command(&no_memory,
                   (struct command_line){"keys of opaque objects", WORDS("keys", "tests/data/checkpoints/opaque.pth")});
    refuse_command(&no_memory,
                   (struct command_line){"keys to choose from",
                                         WORDS("keys", "tests/data/checkpoints/choice-gan-averaged.pth", "--json")});
}

static void checkpoints_are_converted(void **state) {
    (void)state;
    refuse_command(&no_memory, (struct command_line){"convert, zip file",
                                                     WORDS("convert", "tests/data/convert/inpaint/saved.pth", "-t",
                                                           "models/small/inpaint-torchscript17/model.onnx", "-o",
                                                           "@/out.onnx", "--save-map", "@/out.map"),
                                                     .outputs = {"out.onnx", "out.map"}});
    refuse_command(&no_memory, (struct command_line){"convert, half and external",
                                                     WORDS("convert", "tests/data/convert/edge-old/saved.pth", "-t",
                                                           "models/small/edge-dynamo20/model.onnx", "-o", "@/out.onnx",
                                                           "--half", "--external", "--json"),
                                                     .outputs = {"out.onnx", "out.onnx.data"}});
    refuse_command(&no_memory,
                   (struct command_line){"convert, safetensors",
                                         WORDS("convert", "tests/data/convert/keyvalue/saved.safetensors", "-t",
                                               "models/small/keyvalue-torchscript17/model.onnx", "-o", "@/out.onnx",
                                               "--map", "models/maps/keyvalue-torchscript17.map"),
                                         .outputs = {"out.onnx"}});
}

/* Norms that are worked out, layers that are turned. */
static void weights_are_made(void **state) {
    (void)state;
    static const char *const cases[] = {"spectral-and-batch-norm-dynamo", "matrices-torchscript",
                                        "newer-spectral-norm-unfolded-dynamo"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char checkpoint[256], template[256];
        snprintf(checkpoint, sizeof checkpoint, "tests/data/convert/cases/%s/saved.pth", cases[i]);
        snprintf(template, sizeof template, "tests/data/convert/cases/%s/template.onnx", cases[i]);
        refuse_command(&no_memory,
                       (struct command_line){cases[i], WORDS("convert", checkpoint, "-t", template, "-o", "@/out.onnx"),
                                             .outputs = {"out.onnx"}});
    }
}

static void models_are_run(void **state) {
    (void)state;
    refuse_command(&no_memory,
                   (struct command_line){"run, PNG to PNG",
                                         WORDS("run", "tests/data/cli/rgb.onnx", "tests/data/inpaint/small.png", "-o",
                                               "@/out.png", "--threads", "1", "--cpu", "portable"),
                                         .outputs = {"out.png"}});
    refuse_command(&no_memory,
                   (struct command_line){"run, PNG to JPEG",
                                         WORDS("run", "tests/data/cli/rgb.onnx", "tests/data/inpaint/small.png", "-o",
                                               "@/out.jpg", "--threads", "1"),
                                         .outputs = {"out.jpg"}});
    refuse_command(&no_memory,
                   (struct command_line){"run, JPEG to npy",
                                         WORDS("run", "tests/data/cli/rgb.onnx", "tests/fuzz/seeds/fuzz_png/cmyk.jpg",
                                               "-o", "@/out.npy", "--threads", "1"),
                                         .outputs = {"out.npy"}});
    refuse_command(&no_memory,
                   (struct command_line){"run, pb to pb",
                                         WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                               "models/small/plain-torchscript17/test_data_set_0/input_0.pb", "-o",
                                               "@/out.pb", "--threads", "1"),
                                         .outputs = {"out.pb"}});
}

static void models_are_told_of(void **state) {
    (void)state;
    refuse_command(&no_memory,
                   (struct command_line){"inspect", WORDS("inspect", "models/small/edge-dynamo20/model.onnx")});
    refuse_command(&no_memory,
                   (struct command_line){"inspect --json",
                                         WORDS("inspect", "models/small/inpaint-torchscript17/model.onnx", "--json")});
    refuse_command(&no_memory,
                   (struct command_line){"test", WORDS("test", "models/small/linear-torchscript17"), .reports = true});
}

static void pictures_are_inpainted(void **state) {
    (void)state;
    refuse_command(
        &no_memory,
        (struct command_line){"inpaint with edges",
                              WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png",
                                    "--edge", "models/small/edge-torchscript17/model.onnx", "--model",
                                    "models/small/inpaint-torchscript17/model.onnx", "-o", "@/out.png", "--save-edges",
                                    "@/edges.png", "--save-canny", "@/canny.png", "--threads", "1"),
                              .outputs = {"out.png", "edges.png", "canny.png"}});
    refuse_command(&no_memory, (struct command_line){
                                   "inpaint in tiles",
                                   WORDS("inpaint", "tests/data/inpaint/cat.png", "tests/data/inpaint/cat-mask.png",
                                         "--model", "models/small/plain-torchscript17/model.onnx", "-o", "@/out.jpg",
                                         "--tile", "64", "--overlap", "8", "--threads", "1"),
                                   .outputs = {"out.jpg"}});
}

static void copy_pair(const char *from, const char *folder) {
    char path[512];
    snprintf(path, sizeof path, "%s/a.png", folder);
    refuse_copy(from, path);
    snprintf(path, sizeof path, "%s/b.png", folder);
    refuse_copy(from, path);
}

static void pieces_are_inpainted(void **state) {
    (void)state;
    refuse_command(&no_memory, (struct command_line){"inpaint round the hole",
                                                     WORDS("inpaint", "tests/data/inpaint/cat.png",
                                                           "tests/data/inpaint/cat-mask.png", "--model",
                                                           "models/small/plain-torchscript17/model.onnx", "-o",
                                                           "@/out.png", "--crop-margin", "8", "--threads", "1"),
                                                     .outputs = {"out.png"}});
    refuse_command(&no_memory,
                   (struct command_line){
                       "inpaint by keys and values",
                       WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png", "--model",
                             "models/small/keyvalue-torchscript17/model.onnx", "-o", "@/out.png", "--threads", "1"),
                       .outputs = {"out.png"}});
}

/* Presets, blending, resizing and what is all of a picture. */
static void contracts_are_kept(void **state) {
    (void)state;
    refuse_command(&no_memory, (struct command_line){"inpaint by a preset",
                                                     WORDS("inpaint", "tests/data/inpaint/noise.png",
                                                           "tests/data/inpaint/noise-mask.png", "--model",
                                                           "tests/data/inpaint/rgb-mask.onnx", "-o", "@/out.png",
                                                           "--preset", "models/presets/lama-generator.preset", "--hole",
                                                           "mean", "--blend", "laplace", "--threads", "1"),
                                                     .outputs = {"out.png"}});
    refuse_command(&no_memory, (struct command_line){"run in another size",
                                                     WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                                           "tests/data/inpaint/cat.png", "-o", "@/out.png", "--size",
                                                           "32x48", "--fit", "letterbox", "--threads", "1"),
                                                     .outputs = {"out.png"}});
    refuse_command(&no_memory, (struct command_line){"run in tiles",
                                                     WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                                           "tests/data/inpaint/cat.png", "-o", "@/out.png", "--tile",
                                                           "64", "--overlap", "8", "--threads", "1"),
                                                     .outputs = {"out.png"}});
    refuse_command(&no_memory, (struct command_line){"annotate",
                                                     WORDS("annotate", "tests/data/inpaint/rgb-mask.onnx", "-o",
                                                           "@/out.onnx", "--range", "0,1", "--inputs", "x=rgb,mask"),
                                                     .outputs = {"out.onnx"}});
}

static void runs_are_measured(void **state) {
    (void)state;
    refuse_command(&no_memory,
                   (struct command_line){"bench",
                                         WORDS("bench", "models/small/plain-torchscript17/model.onnx", "--shape",
                                               "picture=1x3x32x32", "--runs", "1", "--warmup", "0", "--threads", "1"),
                                         .timed = true});
    refuse_command(&no_memory, (struct command_line){"run --profile",
                                                     WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                                           "--input", "picture=tests/data/convert/plain/picture.npy",
                                                           "--threads", "1", "--profile"),
                                                     .timed = true});
}

/* Pictures and masks in folders of their own; results go where the other tests have theirs. */
static void folders_are_inpainted(void **state) {
    (void)state;
    char *pictures = test_folder(), *masks = test_folder();
    copy_pair("tests/data/inpaint/noise.png", pictures);
    copy_pair("tests/data/inpaint/noise-mask.png", masks);
    refuse_command(&no_memory, (struct command_line){"inpaint folders",
                                                     WORDS("inpaint", pictures, masks, "--model",
                                                           "models/small/plain-torchscript17/model.onnx", "-o", "@",
                                                           "--threads", "1"),
                                                     .outputs = {"a.png", "b.png"}, .partial = true});
    refuse_command(&no_memory, (struct command_line){"inpaint folders, two at a time",
                                                     WORDS("inpaint", pictures, masks, "--model",
                                                           "models/small/plain-torchscript17/model.onnx", "-o", "@",
                                                           "--threads", "1", "--jobs", "2"),
                                                     .outputs = {"a.png", "b.png"}, .partial = true});
    test_folder_remove(pictures);
    test_folder_remove(masks);
}

static void variants_take_turns(void **state) {
    (void)state;
    refuse_command(
        &no_memory,
        (struct command_line){"inpaint variants",
                              WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png",
                                    "--variant", "one=models/small/plain-torchscript17/model.onnx", "--variant",
                                    "two=models/small/plain-torchscript13/model.onnx", "-o", "@", "--threads", "1"),
                              .outputs = {"one.png", "two.png"}, .partial = true, .timed = true});
}

static void weights_are_kept(void **state) {
    (void)state;
    refuse_command(&no_memory,
                   (struct command_line){"run with kept weights",
                                         WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                               "models/small/plain-torchscript17/test_data_set_0/input_0.pb", "-o",
                                               "@/out.npy", "--threads", "1", "--cache-in", "@"),
                                         .outputs = {"out.npy"}, .kept = true});
}

static void resources_are_found(void **state) {
    (void)state;
    refuse_command(&no_memory, (struct command_line){"convert, template by its name",
                                                     WORDS("convert", "tests/data/convert/inpaint/saved.pth", "-t",
                                                           "model", "--template-dir",
                                                           "models/small/inpaint-torchscript17", "-o", "@/out.onnx"),
                                                     .outputs = {"out.onnx"}});
    refuse_command(&no_memory,
                   (struct command_line){
                       "compare", WORDS("compare", "models/small/plain-torchscript17/model.onnx",
                                        "models/small/plain-torchscript17/test_data_set_0/input_0.pb", "--expect",
                                        "repaired=models/small/plain-torchscript17/test_data_set_0/output_0.pb",
                                        "--threads", "1")});
    refuse_command(&no_memory, (struct command_line){"ops", WORDS("ops")});
    refuse_command(&no_memory, (struct command_line){"help", WORDS("inpaint", "--help")});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, refuse_make_folder, refuse_remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keys_are_listed),       TEST(checkpoints_are_converted), TEST(models_are_run),
        TEST(models_are_told_of),    TEST(pictures_are_inpainted),    TEST(weights_are_made),
        TEST(pieces_are_inpainted),  TEST(contracts_are_kept),        TEST(runs_are_measured),
        TEST(folders_are_inpainted), TEST(variants_take_turns),       TEST(weights_are_kept),
        TEST(resources_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
