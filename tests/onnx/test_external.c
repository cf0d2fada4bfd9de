/* External data: weights in files beside the model, and the paths that must not be followed. */
#include "tests/support/support.h"

#include "base/filemap.h"
#include "onnx/load/load.h"
#include "tests/support/proto.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fresh folder with a weights file of the numbers 0, 1, 2, ... 999 in it, and what to look for. */
struct place {
    char *folder;
    char path[256]; /* of the model */
};

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static const char *beside(const struct place *place, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", place->folder, name);
    return path;
}

static struct place place_create(void) {
    struct place place = {.folder = test_folder()};
    float numbers[1000];
    for (int i = 0; i < 1000; i++)
        numbers[i] = (float)i;
    snprintf(place.path, sizeof place.path, "%s/m.onnx", place.folder);
    write_file(beside(&place, "w.bin"), numbers, sizeof numbers);
    return place;
}

static void add_key(struct proto *tensor, const char *key, const char *value) {
    struct proto entry = {0};
    if (!value)
        return;
    proto_text(&entry, 1, key);
    proto_text(&entry, 2, value);
    proto_add(tensor, TENSOR_EXTERNAL, &entry);
}

/* An initializer of four floats with these keys; NULL leaves one out. */
static void add_external(struct proto *graph, const char *name, const char *location, const char *offset,
                         const char *length) {
    struct proto tensor = proto_tensor(name, DTYPE_FLOAT, 1, 4);
    add_key(&tensor, "location", location);
    add_key(&tensor, "offset", offset);
    add_key(&tensor, "length", length);
    add_key(&tensor, "checksum", "whatever");
    add_key(&tensor, "unknown", "key");
    proto_int(&tensor, TENSOR_LOCATION, 1);
    proto_add(graph, GRAPH_INITIALIZER, &tensor);
    proto_value(graph, GRAPH_OUTPUT, name, 1, 4);
}

static status load_graph_at(const struct place *place, struct proto *graph, struct onnx_model **out,
                            struct error *err) {
    struct proto model = proto_model(graph);
    write_file(place->path, model.bytes, model.size);
    proto_free(&model);
    return onnx_load(place->path, NULL, out, err);
}

static void check_numbers(const struct onnx_model *model, const char *name, int first) {
    const int index = graph_find_value(model->graph, name);
    assert_true(index >= 0);
    const struct tensor *tensor = model->graph->values[index].initializer;
    for (int i = 0; i < 4; i++) {
        float number;
        memcpy(&number, (const uint8_t *)tensor->data + 4 * (size_t)i, sizeof number);
        assert_true(number == (float)(first + i));
    }
}

static void reads_one_and_several_files(void **state) {
    (void)state;
    struct place place = place_create();
    struct proto graph = {0};
    struct onnx_model *model = NULL;
    struct error err = {0};
    const float other[] = {7, 8, 9, 10};
    assert_int_equal(mkdir(beside(&place, "sub"), 0700), 0);
    write_file(beside(&place, "sub/v.bin"), other, sizeof other);
    add_external(&graph, "start", "w.bin", NULL, NULL);
    add_external(&graph, "middle", "w.bin", "400", "16");
    add_external(&graph, "end", "./w.bin", "3984", "16");
    add_external(&graph, "other", "sub/v.bin", "0", NULL);
    if (load_graph_at(&place, &graph, &model, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    check_numbers(model, "start", 0);
    check_numbers(model, "middle", 100);
    check_numbers(model, "end", 996);
    check_numbers(model, "other", 7);
    assert_int_equal(model->map_count, 3); /* the model, w.bin under both its spellings, sub/v.bin */
    struct stat info;
    assert_int_equal(stat(place.path, &info), 0);
    assert_int_equal(model->file_bytes, (size_t)info.st_size + 4000 + 16);
    assert_true(model->graph->values[0].initializer->mapped);
    onnx_close(model);
    test_folder_remove(place.folder);
}

static void refused(const struct place *place, const char *location, const char *offset, const char *length,
                    const char *words) {
    struct proto graph = {0};
    struct onnx_model *model = NULL;
    struct error err = {0};
    add_external(&graph, "the weight", location, offset, length);
    if (load_graph_at(place, &graph, &model, &err) == STATUS_OK) {
        onnx_close(model);
        fail_msg("\"%s\" was read", location ? location : "(none)");
    }
    if (!strstr(err.message, words) || !strstr(err.message, "the weight"))
        fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

/* Longer than the tensor, so that only their words tell. */
static void refuses_notes_in_the_place_of_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } notes[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4000\n", "git lfs pull"},
        {"<!DOCTYPE html>\n<html><body>Not found</body></html>", "this is a web page, not the model's data"},
        {"{\"error\":\"Invalid username or password.\"}", "a server's error message"},
        {"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a storage server's error message"},
    };
    struct place place = place_create();
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        write_file(beside(&place, "note.bin"), notes[i].text, strlen(notes[i].text));
        refused(&place, "note.bin", NULL, NULL, notes[i].said);
        refused(&place, "note.bin", "16", "16", "external data \"note.bin\"");
    }
    test_folder_remove(place.folder);
}

static void refuses_paths_that_lead_away(void **state) {
    (void)state;
    struct place place = place_create();
    char target[512];
    assert_int_equal(mkdir(beside(&place, "sub"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", beside(&place, "link")), 0);
    assert_int_equal(symlink("w.bin", beside(&place, "near")), 0);
    assert_int_equal(symlink("..", beside(&place, "sub/up")), 0);
    assert_int_equal(mkfifo(beside(&place, "pipe"), 0600), 0);
    snprintf(target, sizeof target, "%s", beside(&place, "w.bin"));

    refused(&place, "", NULL, NULL, "the path is empty");
    refused(&place, NULL, NULL, NULL, "without a location");
    refused(&place, "/etc/passwd", NULL, NULL, "absolute");
    refused(&place, target, NULL, NULL, "absolute");
    refused(&place, "../w.bin", NULL, NULL, "\"..\"");
    refused(&place, "..", NULL, NULL, "\"..\"");
    refused(&place, "sub/../w.bin", NULL, NULL, "\"..\"");
    refused(&place, "sub/..", NULL, NULL, "\"..\"");
    refused(&place, "link", NULL, NULL, "symbolic link");
    refused(&place, "near", NULL, NULL, "symbolic link");
    refused(&place, "sub/up/w.bin", NULL, NULL, "symbolic link");
    refused(&place, "sub", NULL, NULL, "not a regular file");
    refused(&place, ".", NULL, NULL, "not a regular file");
    refused(&place, "pipe", NULL, NULL, "not a regular file");
    refused(&place, "none.bin", NULL, NULL, "No such file");
    refused(&place, "w.bin/x", NULL, NULL, "Not a directory");
    test_folder_remove(place.folder);
}

static void refuses_places_outside_the_file(void **state) {
    (void)state;
    struct place place = place_create();
    refused(&place, "w.bin", "3988", NULL, "which has 4000 bytes");
    refused(&place, "w.bin", "4000", "16", "which has 4000 bytes");
    refused(&place, "w.bin", "18446744073709551615", "16", "which has 4000 bytes");
    refused(&place, "w.bin", "0", "15", "has 15 bytes of external data");
    refused(&place, "w.bin", "0", "17", "has 17 bytes of external data");
    refused(&place, "w.bin", "-4", NULL, "not a number");
    refused(&place, "w.bin", "4x", NULL, "not a number");
    refused(&place, "w.bin", "", NULL, "not a number");
    refused(&place, "w.bin", "0", "99999999999999999999", "not a number");
    test_folder_remove(place.folder);
}

static void wants_a_folder_for_models_in_memory(void **state) {
    (void)state;
    struct place place = place_create();
    struct proto graph = {0};
    struct onnx_model *loaded = NULL;
    struct error err = {0};
    add_external(&graph, "w", "w.bin", "8", NULL);
    struct proto model = proto_model(&graph);
    assert_int_equal(onnx_load_memory(model.bytes, model.size, NULL, NULL, &loaded, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "no folder was given"));
    assert_int_equal(onnx_load_memory(model.bytes, model.size, place.folder, NULL, &loaded, &err), STATUS_OK);
    check_numbers(loaded, "w", 2);
    onnx_close(loaded);
    assert_int_equal(onnx_load_memory(model.bytes, model.size, "/nowhere", NULL, &loaded, &err), STATUS_IO);
    proto_free(&model);
    test_folder_remove(place.folder);
}

static void refuses_raw_data_beside_external(void **state) {
    (void)state;
    struct place place = place_create();
    struct proto graph = {0}, tensor = proto_tensor("w", DTYPE_FLOAT, 1, 1);
    struct onnx_model *model = NULL;
    struct error err = {0};
    add_key(&tensor, "location", "w.bin");
    proto_int(&tensor, TENSOR_LOCATION, 1);
    proto_bytes(&tensor, TENSOR_RAW, "\0\0\0\0", 4);
    proto_add(&graph, GRAPH_INITIALIZER, &tensor);
    proto_value(&graph, GRAPH_OUTPUT, "w", 1, 1);
    assert_int_equal(load_graph_at(&place, &graph, &model, &err), STATUS_INVALID_MODEL);
    assert_non_null(strstr(err.message, "beside external data"));
    test_folder_remove(place.folder);
}

/* The way without openat2 must hold the same line as the kernel's. */
static void both_ways_of_opening_agree(void **state) {
    (void)state;
    struct place place = place_create();
    assert_int_equal(mkdir(beside(&place, "a"), 0700), 0);
    assert_int_equal(mkdir(beside(&place, "a/b"), 0700), 0);
    write_file(beside(&place, "a/b/c"), "c", 1);
    assert_int_equal(symlink("a", beside(&place, "s")), 0);
    assert_int_equal(symlink("b/c", beside(&place, "a/l")), 0);
    assert_int_equal(symlink("/", beside(&place, "root")), 0);
    assert_int_equal(mkfifo(beside(&place, "p"), 0600), 0);
    static const struct {
        const char *path;
        bool opens;
    } cases[] = {
        {"a/b/c", true},  {"./a//b/./c", true},       {"w.bin", true},        {"s/b/c", false},
        {"a/l", false},   {"root/etc/passwd", false}, {"p", false},           {"a/b", false},
        {"a/b/d", false}, {"a/b/c/d", false},         {"/etc/passwd", false}, {"a/../w.bin", false},
        {"", false},
    };
    const int folder = open(place.folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int by_parts = 0; by_parts < 2; by_parts++) {
            struct error err = {0};
            int fd = -1;
            const status result = (by_parts ? open_beneath_by_parts : open_beneath)(folder, cases[i].path, &fd, &err);
            if ((result == STATUS_OK) != cases[i].opens)
                fail_msg("\"%s\" (%s): %s", cases[i].path, by_parts ? "by parts" : "by the kernel", err.message);
            if (result == STATUS_OK)
                close(fd);
        }
    close(folder);
    test_folder_remove(place.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one_and_several_files),         cmocka_unit_test(refuses_notes_in_the_place_of_numbers),
        cmocka_unit_test(refuses_paths_that_lead_away),        cmocka_unit_test(refuses_places_outside_the_file),
        cmocka_unit_test(wants_a_folder_for_models_in_memory), cmocka_unit_test(refuses_raw_data_beside_external),
        cmocka_unit_test(both_ways_of_opening_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
