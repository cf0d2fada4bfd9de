/*
 * The system refuses: no more files, a disk that is full or broken, no mapping, no thread. A clean error that says why,
 * and never half a file; what the system does by halves is done to the end.
 */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "onnx/save/save.h"
#include "tests/support/refuse_command.h"
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS(...) .words = {__VA_ARGS__, NULL}

/* Commands that read and write what there is to read and write. */
static const struct command_line lines[] = {
    {"run",
     WORDS("run", "tests/data/cli/rgb.onnx", "tests/data/inpaint/noise.png", "-o", "@/out.png", "--threads", "1"),
     .outputs = {"out.png"}},
    {"run with external data and kept weights",
     WORDS("run", "models/small/inpaint-torchscript17-external/model.onnx", "--input",
           "rgb_edge=models/small/inpaint-torchscript17-external/test_data_set_0/input_0.pb", "-o", "@/out.npy",
           "--threads", "1", "--cache-in", "@"),
     .outputs = {"out.npy"}, .kept = true},
    {"convert",
     WORDS("convert", "tests/data/convert/inpaint/saved.pth", "-t", "models/small/inpaint-torchscript17/model.onnx",
           "-o", "@/out.onnx", "--external", "--save-map", "@/out.map"),
     .outputs = {"out.onnx", "out.onnx.data", "out.map"}},
    {"inpaint",
     WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png", "--edge",
           "models/small/edge-torchscript17/model.onnx", "--model", "models/small/inpaint-torchscript17/model.onnx",
           "-o", "@/out.png", "--save-edges", "@/edges.png", "--save-canny", "@/canny.png", "--threads", "1"),
     .outputs = {"out.png", "edges.png", "canny.png"}},
};

static void refuse_lines(struct refusal refusal) {
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        refuse_command(&refusal, lines[i]);
}

static void files_that_cannot_be_opened(void **state) {
    (void)state;
    refuse_lines((struct refusal){.kinds = REFUSE_OPEN, .number = EMFILE});
}

static void files_that_cannot_be_looked_at(void **state) {
    (void)state;
    refuse_lines((struct refusal){.kinds = REFUSE_STAT, .number = EIO});
}

static void files_that_cannot_be_mapped(void **state) {
    (void)state;
    refuse_lines((struct refusal){.kinds = REFUSE_MAP, .number = ENODEV});
}

static void files_that_cannot_be_read(void **state) {
    (void)state;
    refuse_command(&(struct refusal){.kinds = REFUSE_READ, .number = EIO}, lines[0]);
    refuse_command(&(struct refusal){.kinds = REFUSE_READ, .number = EIO}, lines[1]);
    refuse_command(&(struct refusal){.kinds = REFUSE_READ, .number = EIO}, lines[3]);
}

static void disks_that_are_full(void **state) {
    (void)state;
    refuse_lines((struct refusal){.kinds = REFUSE_WRITE, .number = ENOSPC});
    refuse_command(&(struct refusal){.kinds = REFUSE_WRITE, .number = ENOSPC, .needed = true}, lines[0]);
    refuse_command(&(struct refusal){.kinds = REFUSE_WRITE, .number = ENOSPC, .needed = true}, lines[2]);
}

static void files_that_cannot_be_closed(void **state) {
    (void)state;
    refuse_lines((struct refusal){.kinds = REFUSE_CLOSE, .number = EIO});
}

static void files_that_cannot_be_renamed(void **state) {
    (void)state;
    struct command_line with_map = lines[2];
    const struct refusal refusal = {.kinds = REFUSE_RENAME, .number = EACCES};
    with_map.partial = true; /* the map comes after the model */
    refuse_command(&refusal, lines[0]);
    refuse_command(&refusal, lines[1]);
    refuse_command(&refusal, with_map);
    refuse_command(&refusal, lines[3]);
}

static void modes_that_cannot_be_set(void **state) {
    (void)state;
    refuse_command(&(struct refusal){.kinds = REFUSE_MODE, .number = EPERM, .needed = true}, lines[0]);
}

/* Interrupted, or by halves. */
static void reading_and_writing_go_on(void **state) {
    (void)state;
    static const int numbers[] = {EINTR, REFUSE_HALF};
    for (size_t i = 0; i < 2; i++) {
        refuse_command(&(struct refusal){.kinds = REFUSE_READ, .number = numbers[i], .harmless = true}, lines[0]);
        refuse_lines((struct refusal){.kinds = REFUSE_WRITE, .number = numbers[i], .harmless = true});
    }
}

/* ---- a link ---- */

/* What a link leads to is written, and the link stays, or nothing is written. */
static status write_over_link(void *context, struct error *err) {
    const char *link = context;
    struct staging staging = {NULL, 0};
    status code = staging_add(&staging, link, "new", 3, err);
    if (!code)
        code = staging_commit(&staging, err);
    staging_close(&staging);
    refuse_pause();
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(link, &info), 0);
    assert_int_equal(info.st_size, code ? 5 : 3);
    FILE *file = fopen(link, "wb");
    assert_non_null(file);
    assert_true(fputs("older", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return code;
}

static void links_stay(void **state) {
    (void)state;
    char *folder = test_folder(), file[256], link[256];
    struct error err;
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    refuse_copy("tests/data/cli/rgb.onnx", file);
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(write_over_link(link, &err), STATUS_OK);
    refuse_each("writing over a link", &(struct refusal){.kinds = REFUSE_MEMORY, .number = ENOMEM}, write_over_link,
                link);
    refuse_each("writing over a link", &(struct refusal){.kinds = REFUSE_RENAME, .number = EIO, .needed = true},
                write_over_link, link);
    test_folder_remove(folder);
}

/* ---- a saved model ---- */

struct saving {
    const struct onnx_model *model;
    const char *path, *data;
};

static bool is_there(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

static status save(void *context, struct error *err) {
    const struct saving *saving = context;
    const status code = onnx_save(saving->model, saving->path, &(struct save_options){"data", 64}, err);
    refuse_pause();
    assert_int_equal(is_there(saving->path), !code);
    assert_int_equal(is_there(saving->data), !code);
    remove(saving->path);
    remove(saving->data);
    return code;
}

static void models_that_cannot_be_saved(void **state) {
    (void)state;
    static const struct refusal refusals[] = {{.kinds = REFUSE_OPEN, .number = ENOSPC, .needed = true},
                                              {.kinds = REFUSE_WRITE, .number = EIO, .needed = true},
                                              {.kinds = REFUSE_CLOSE, .number = EDQUOT, .needed = true},
                                              {.kinds = REFUSE_RENAME, .number = EPERM, .needed = true}};
    char *folder = test_folder(), path[256], data[256];
    struct onnx_model *model;
    struct error err;
    snprintf(path, sizeof path, "%s/saved.onnx", folder);
    snprintf(data, sizeof data, "%s/data", folder);
    if (onnx_load("models/small/inpaint-torchscript17/model.onnx", NULL, &model, &err))
        fail_msg("%s", err.message);
    struct saving saving = {model, path, data};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        refuse_each("saving a model", &refusals[i], save, &saving);
    onnx_close(model);
    test_folder_remove(folder);
}

/* ---- threads ---- */

/* Pictures of a folder are painted by as many threads as there are. */
static void threads_that_cannot_be_had(void **state) {
    (void)state;
    char *pictures = test_folder(), path[512];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%d.png", pictures, i);
        refuse_copy("tests/data/inpaint/noise.png", path);
    }
    refuse_command(&(struct refusal){.kinds = REFUSE_THREAD, .number = EAGAIN, .harmless = true},
                   (struct command_line){"inpaint without threads",
                                         WORDS("inpaint", pictures, "tests/data/inpaint/noise-mask.png", "--model",
                                               "models/small/plain-torchscript17/model.onnx", "-o", "@", "--threads",
                                               "1", "--jobs", "3"),
                                         .outputs = {"0.png", "1.png", "2.png"}});
    test_folder_remove(pictures);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, refuse_make_folder, refuse_remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_that_cannot_be_opened),  TEST(files_that_cannot_be_looked_at),
        TEST(files_that_cannot_be_mapped),  TEST(files_that_cannot_be_read),
        TEST(disks_that_are_full),          TEST(files_that_cannot_be_closed),
        TEST(files_that_cannot_be_renamed), TEST(modes_that_cannot_be_set),
        TEST(reading_and_writing_go_on),    TEST(links_stay),
        TEST(models_that_cannot_be_saved),  TEST(threads_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
