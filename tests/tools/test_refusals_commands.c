/*
 * No memory in any of limner's commands: exit status 1 and a message, nothing written; or, where what failed was not
 * needed (kept weights), the same words and files as ever.
 */
#include "tests/support/refuse.h"
#include "tests/support/support.h"
#include "tools/commands/commands.h"
#include "tools/files/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_WORDS 24
#define MOST_TEXT ((size_t)64 << 10)
#define MOST_OUTPUTS 4

static const struct refusal no_memory = {REFUSE_MEMORY, 12 /* ENOMEM */, false};

static char *folder; /* where commands write; "@" in a word stands for it */

/* A command line, and what comes of it when nothing is refused. */
struct command_line {
    const char *name;
    const char *words[MOST_WORDS];
    const char *outputs[MOST_OUTPUTS]; /* files in the folder */
    bool kept;                         /* a file of packed weights may stay */
    bool timed;                        /* says how long it took */
    bool partial;                      /* pictures are done or not, each for itself */
    bool reports;                      /* failures are what it reports on stdout */
    char *said;
    struct bytes written[MOST_OUTPUTS];
};

/* ---- one call ---- */

static char *place_of(const char *word, char text[256]) {
    const char *at = strchr(word, '@');
    if (at)
        snprintf(text, 256, "%.*s%s%s", (int)(at - word), word, folder, at + 1);
    else
        snprintf(text, 256, "%s", word);
    return text;
}

/* Puts an empty file in the stream's place; returns what to put back. */
static int divert(FILE *stream, int to) {
    fflush(stream);
    const int saved = dup(fileno(stream));
    dup2(to, fileno(stream));
    return saved;
}

static void put_back(FILE *stream, int saved) {
    fflush(stream);
    clearerr(stream);
    dup2(saved, fileno(stream));
    close(saved);
}

static void read_back(int file, char *text) {
    const ssize_t got = pread(file, text, MOST_TEXT - 1, 0);
    assert_true(got >= 0);
    text[got] = 0;
    close(file);
}

/* Runs the command as main() would. */
static int call(const struct command_line *line, char *said, char *complained) {
    char words[MOST_WORDS][256], *list[MOST_WORDS + 2] = {(char[]){"limner"}};
    int count = 1;
    for (; line->words[count - 1]; count++)
        list[count] = place_of(line->words[count - 1], words[count - 1]);
    const int out = memfd_create("out", 0), err = memfd_create("err", 0);
    const int saved_out = divert(stdout, out), saved_err = divert(stderr, err);
    refuse_resume();
    const int code = limner_command(count, list);
    refuse_pause();
    put_back(stdout, saved_out);
    put_back(stderr, saved_err);
    read_back(out, said);
    read_back(err, complained);
    return code;
}

/* ---- what is left ---- */

static int files_in(void) {
    DIR *list = opendir(folder);
    int count = -2; /* . and .. */
    assert_non_null(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static bool remove_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return remove(path) == 0;
}

static void remove_kept(void) {
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list));) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending && strcmp(ending, ".limner-cache") == 0)
            remove_file(entry->d_name);
    }
    closedir(list);
}

static struct bytes read_output(const char *name) {
    char path[512];
    struct bytes bytes;
    struct error err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, &bytes, &err))
        fail_msg("%s", err.message);
    return bytes;
}

static bool is_there(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* What is there is right. */
static void expect_outputs(const struct command_line *line) {
    for (int i = 0; i < MOST_OUTPUTS && line->outputs[i]; i++) {
        if (line->partial && !is_there(line->outputs[i]))
            continue;
        struct bytes bytes = read_output(line->outputs[i]);
        assert_int_equal(bytes.size, line->written[i].size);
        assert_memory_equal(bytes.data, line->written[i].data, bytes.size);
        free(bytes.data);
    }
}

/* Removes what the command was to write, and what it may write; anything else that lies there is a fault. */
static void clear_folder(const struct command_line *line, bool outputs_wanted, const char *complained) {
    for (int i = 0; i < MOST_OUTPUTS && line->outputs[i]; i++)
        if (remove_file(line->outputs[i]) != outputs_wanted && (outputs_wanted || !line->partial))
            fail_msg("%s: %s is %s after: %s", line->name, line->outputs[i], outputs_wanted ? "missing" : "there",
                     complained);
    if (line->kept)
        remove_kept();
    if (files_in())
        fail_msg("%s: files are left after: %s", line->name, complained);
}

/* Shows where the words begin to differ. */
static void expect_said(const struct command_line *line, const char *said, const char *complained) {
    size_t i = 0;
    while (said[i] && said[i] == line->said[i])
        i++;
    if (said[i] != line->said[i])
        fail_msg("%s says \"%.200s\" and \"%.200s\", expected \"%.200s\"", line->name, said + i, complained,
                 line->said + i);
}

static status try_command(void *context, struct error *err) {
    static char said[MOST_TEXT], complained[MOST_TEXT];
    const struct command_line *line = context;
    refuse_pause();
    const int code = call(line, said, complained);
    if (code == EXIT_OK && !line->timed)
        expect_said(line, said, complained);
    if (code == EXIT_OK || line->partial)
        expect_outputs(line);
    clear_folder(line, code == EXIT_OK, complained);
    if (code == EXIT_OK)
        return STATUS_OK;
    const char *where = line->reports && !complained[0] ? said : complained;
    const bool told = line->reports || strncmp(complained, "limner: ", 8) == 0;
    return fail(err, code == EXIT_FAILED && told ? STATUS_NO_MEMORY : STATUS_INVALID_ARGUMENT, "%s", where);
}

static void refuse_command(struct command_line line) {
    static char said[MOST_TEXT], complained[MOST_TEXT];
    if (call(&line, said, complained) != EXIT_OK)
        fail_msg("%s: %s", line.name, complained);
    line.said = said;
    for (int i = 0; i < MOST_OUTPUTS && line.outputs[i]; i++)
        line.written[i] = read_output(line.outputs[i]);
    clear_folder(&line, true, complained);
    char *kept = strdup(said);
    line.said = kept;
    refuse_each(line.name, &no_memory, try_command, &line);
    free(kept);
    for (int i = 0; i < MOST_OUTPUTS && line.outputs[i]; i++)
        free(line.written[i].data);
}

#define WORDS(...) .words = {__VA_ARGS__, NULL}

/* ---- the commands ---- */

static void keys_are_listed(void **state) {
    (void)state;
    refuse_command((struct command_line){"keys of a zip file", WORDS("keys", "tests/data/checkpoints/training.pth")});
    refuse_command((struct command_line){"keys of an old pickle",
                                         WORDS("keys", "tests/data/checkpoints/training-legacy.pth", "--json")});
    refuse_command((struct command_line){"keys of safetensors",
                                         WORDS("keys", "tests/data/checkpoints/types.safetensors", "--verify")});
    refuse_command((struct command_line){"keys of a module", WORDS("keys", "tests/data/checkpoints/module.pth")});
    refuse_command((struct command_line){"keys of opaque objects", WORDS("keys", "tests/data/checkpoints/opaque.pth")});
    refuse_command((struct command_line){"keys to choose from",
                                         WORDS("keys", "tests/data/checkpoints/choice-gan-averaged.pth", "--json")});
}

static void checkpoints_are_converted(void **state) {
    (void)state;
    refuse_command((struct command_line){"convert, zip file",
                                         WORDS("convert", "tests/data/convert/inpaint/saved.pth", "-t",
                                               "models/small/inpaint-torchscript17/model.onnx", "-o", "@/out.onnx",
                                               "--save-map", "@/out.map"),
                                         .outputs = {"out.onnx", "out.map"}});
    refuse_command((struct command_line){"convert, half and external",
                                         WORDS("convert", "tests/data/convert/edge-old/saved.pth", "-t",
                                               "models/small/edge-dynamo20/model.onnx", "-o", "@/out.onnx", "--half",
                                               "--external", "--json"),
                                         .outputs = {"out.onnx", "out.onnx.data"}});
    refuse_command((struct command_line){"convert, safetensors",
                                         WORDS("convert", "tests/data/convert/keyvalue/saved.safetensors", "-t",
                                               "models/small/keyvalue-torchscript17/model.onnx", "-o", "@/out.onnx",
                                               "--map", "models/maps/keyvalue-torchscript17.map"),
                                         .outputs = {"out.onnx"}});
}

static void models_are_run(void **state) {
    (void)state;
    refuse_command((struct command_line){"run, PNG to PNG",
                                         WORDS("run", "tests/data/cli/rgb.onnx", "tests/data/inpaint/small.png", "-o",
                                               "@/out.png", "--threads", "1", "--cpu", "portable"),
                                         .outputs = {"out.png"}});
    refuse_command((struct command_line){
        "run, PNG to JPEG",
        WORDS("run", "tests/data/cli/rgb.onnx", "tests/data/inpaint/small.png", "-o", "@/out.jpg", "--threads", "1"),
        .outputs = {"out.jpg"}});
    refuse_command((struct command_line){"run, JPEG to npy",
                                         WORDS("run", "tests/data/cli/rgb.onnx", "tests/fuzz/seeds/fuzz_png/cmyk.jpg",
                                               "-o", "@/out.npy", "--threads", "1"),
                                         .outputs = {"out.npy"}});
    refuse_command((struct command_line){"run, pb to pb",
                                         WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                               "models/small/plain-torchscript17/test_data_set_0/input_0.pb", "-o",
                                               "@/out.pb", "--threads", "1"),
                                         .outputs = {"out.pb"}});
}

static void models_are_told_of(void **state) {
    (void)state;
    refuse_command((struct command_line){"inspect", WORDS("inspect", "models/small/edge-dynamo20/model.onnx")});
    refuse_command((struct command_line){"inspect --json",
                                         WORDS("inspect", "models/small/inpaint-torchscript17/model.onnx", "--json")});
    refuse_command((struct command_line){"test", WORDS("test", "models/small/linear-torchscript17"), .reports = true});
}

static void pictures_are_inpainted(void **state) {
    (void)state;
    refuse_command((struct command_line){
        "inpaint with edges",
        WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png", "--edge",
              "models/small/edge-torchscript17/model.onnx", "--model", "models/small/inpaint-torchscript17/model.onnx",
              "-o", "@/out.png", "--save-edges", "@/edges.png", "--save-canny", "@/canny.png", "--threads", "1"),
        .outputs = {"out.png", "edges.png", "canny.png"}});
    refuse_command(
        (struct command_line){"inpaint in tiles",
                              WORDS("inpaint", "tests/data/inpaint/cat.png", "tests/data/inpaint/cat-mask.png",
                                    "--model", "models/small/plain-torchscript17/model.onnx", "-o", "@/out.jpg",
                                    "--tile", "64", "--overlap", "8", "--threads", "1"),
                              .outputs = {"out.jpg"}});
}

static void copy(const char *from, const char *to) {
    char path[512];
    struct bytes bytes;
    struct error err;
    if (file_read(from, &bytes, &err))
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/%s", folder, to);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
    free(bytes.data);
}

/* Pictures and masks in folders of their own; results go where the other tests have theirs. */
static void folders_are_inpainted(void **state) {
    (void)state;
    char *results = folder, *pictures = test_folder(), *masks = test_folder();
    folder = pictures;
    copy("tests/data/inpaint/noise.png", "a.png");
    copy("tests/data/inpaint/noise.png", "b.png");
    folder = masks;
    copy("tests/data/inpaint/noise-mask.png", "a.png");
    copy("tests/data/inpaint/noise-mask.png", "b.png");
    folder = results;
    refuse_command(
        (struct command_line){"inpaint folders",
                              WORDS("inpaint", pictures, masks, "--model",
                                    "models/small/plain-torchscript17/model.onnx", "-o", "@", "--threads", "1"),
                              .outputs = {"a.png", "b.png"}, .partial = true});
    refuse_command((struct command_line){"inpaint folders, two at a time",
                                         WORDS("inpaint", pictures, masks, "--model",
                                               "models/small/plain-torchscript17/model.onnx", "-o", "@", "--threads",
                                               "1", "--jobs", "2"),
                                         .outputs = {"a.png", "b.png"}, .partial = true});
    test_folder_remove(pictures);
    test_folder_remove(masks);
}

static void variants_take_turns(void **state) {
    (void)state;
    refuse_command(
        (struct command_line){"inpaint variants",
                              WORDS("inpaint", "tests/data/inpaint/noise.png", "tests/data/inpaint/noise-mask.png",
                                    "--variant", "one=models/small/plain-torchscript17/model.onnx", "--variant",
                                    "two=models/small/plain-torchscript13/model.onnx", "-o", "@", "--threads", "1"),
                              .outputs = {"one.png", "two.png"}, .partial = true, .timed = true});
}

static void weights_are_kept(void **state) {
    (void)state;
    refuse_command((struct command_line){"run with kept weights",
                                         WORDS("run", "models/small/plain-torchscript17/model.onnx",
                                               "models/small/plain-torchscript17/test_data_set_0/input_0.pb", "-o",
                                               "@/out.npy", "--threads", "1", "--cache-in", "@"),
                                         .outputs = {"out.npy"}, .kept = true});
}

static void resources_are_found(void **state) {
    (void)state;
    refuse_command(
        (struct command_line){"convert, template by its name",
                              WORDS("convert", "tests/data/convert/inpaint/saved.pth", "-t", "model", "--template-dir",
                                    "models/small/inpaint-torchscript17", "-o", "@/out.onnx"),
                              .outputs = {"out.onnx"}});
    refuse_command(
        (struct command_line){"compare", WORDS("compare", "tests/data/inpaint/cat.png", "tests/data/inpaint/cat.png")});
    refuse_command((struct command_line){"ops", WORDS("ops")});
    refuse_command((struct command_line){"help", WORDS("inpaint", "--help")});
}

static int make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    refuse_stop();
    test_folder_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_listed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(checkpoints_are_converted, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(models_are_run, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(models_are_told_of, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(pictures_are_inpainted, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(folders_are_inpainted, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(variants_take_turns, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(weights_are_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(resources_are_found, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
