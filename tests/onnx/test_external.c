/* External data: weights in files beside the model, and the paths that must not be followed. */
#include "tests/support/support.h"

#include "base/beneath.h"
#include "onnx/load/load.h"
#include "tests/support/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
    refused(&place, "sub/up/link", NULL, NULL, "symbolic link");
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

/* Loads the model at this path in the place; its weight "w" in w.bin must begin with the number, or the words be said.
 */
static void expect_at(const struct place *place, const char *model_name, int first, const char *words) {
    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_load(beside(place, model_name), NULL, &model, &err) != STATUS_OK) {
        if (!words || !strstr(err.message, words) || !strstr(err.message, "w.bin"))
            fail_msg("%s: %s", model_name, err.message);
        return;
    }
    if (words)
        fail_msg("%s was read", model_name);
    check_numbers(model, "w", first);
    onnx_close(model);
}

static void make_folders(const struct place *place, const char *const *folders) {
    for (; *folders; folders++)
        assert_int_equal(mkdir(beside(place, *folders), 0700), 0);
}

static void write_numbers(const struct place *place, const char *name, int first) {
    const float numbers[] = {(float)first, (float)first + 1, (float)first + 2, (float)first + 3};
    write_file(beside(place, name), numbers, sizeof numbers);
}

static void link_to(const struct place *place, const char *target, const char *name) {
    assert_int_equal(symlink(target, beside(place, name)), 0);
}

static void write_model(const struct place *place, const char *name) {
    struct proto graph = {0};
    add_external(&graph, "w", "w.bin", NULL, "16");
    struct proto model = proto_model(&graph);
    write_file(beside(place, name), model.bytes, model.size);
    proto_free(&model);
}

/* As caches of model hubs lay them out: names that are links to files called by their digests. */
static void follows_links_of_a_cache(void **state) {
    (void)state;
    struct place place = place_create();
    make_folders(&place, (const char *const[]){"store", "store/blobs", "store/v1", "store/v1/net", "near", NULL});
    write_model(&place, "store/blobs/0a1b");
    write_numbers(&place, "store/blobs/2c3d", 40);
    link_to(&place, "../../blobs/0a1b", "store/v1/net/model.onnx");
    link_to(&place, "../../blobs/2c3d", "store/v1/net/w.bin");
    expect_at(&place, "store/v1/net/model.onnx", 40, NULL);
    link_to(&place, "../store/v1/net/model.onnx", "near/m.onnx"); /* a chain; the data is a link of its own */
    expect_at(&place, "near/m.onnx", 0, "No such file");
    link_to(&place, "../store/v1/net/w.bin", "near/w.bin");
    expect_at(&place, "near/m.onnx", 40, NULL);
    link_to(&place, "store/v1", "latest"); /* a folder on the way */
    expect_at(&place, "latest/net/model.onnx", 40, NULL);
    /* The model is a file of its own here, so nothing leads to the store. */
    assert_int_equal(unlink(beside(&place, "near/m.onnx")), 0);
    write_model(&place, "near/m.onnx");
    expect_at(&place, "near/m.onnx", 0, "out of the model's folder");
    test_folder_remove(place.folder);
}

/* A link to the model alone: its data lies beside it, unless there is some beside the link. */
static void finds_data_beside_the_linked_model(void **state) {
    (void)state;
    struct place place = place_create();
    make_folders(&place, (const char *const[]){"real", "other", "real/deep", NULL});
    write_model(&place, "real/m.onnx");
    write_numbers(&place, "real/w.bin", 70);
    link_to(&place, "../real/m.onnx", "other/m.onnx");
    expect_at(&place, "other/m.onnx", 70, NULL);
    link_to(&place, "nowhere", "other/w.bin"); /* not passed over */
    expect_at(&place, "other/m.onnx", 0, "No such file");
    assert_int_equal(unlink(beside(&place, "other/w.bin")), 0);
    write_numbers(&place, "other/w.bin", 80);
    expect_at(&place, "other/m.onnx", 80, NULL);
    link_to(&place, "../m.onnx", "real/deep/m.onnx");
    expect_at(&place, "real/deep/m.onnx", 70, NULL);
    test_folder_remove(place.folder);
}

static void refuses_links_that_lead_away_from_both(void **state) {
    (void)state;
    struct place place = place_create();
    make_folders(&place, (const char *const[]){"a", "b", "ab", NULL});
    write_model(&place, "b/m.onnx");
    write_numbers(&place, "ab/secret", 1);
    link_to(&place, "../b/m.onnx", "a/m.onnx");
    static const char *const targets[] = {"../w.bin", "../ab/secret", "/etc/passwd", "../a/../ab/secret",
                                          "/proc/self/root/etc/passwd"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        link_to(&place, targets[i], "a/w.bin");
        expect_at(&place, "a/m.onnx", 0, "out of the model's folder");
        assert_int_equal(unlink(beside(&place, "a/w.bin")), 0);
        link_to(&place, targets[i], "b/w.bin"); /* found beside the model itself, and no better */
        expect_at(&place, "a/m.onnx", 0, "out of the model's folder");
        assert_int_equal(unlink(beside(&place, "b/w.bin")), 0);
    }
    link_to(&place, "w.bin", "a/w.bin");
    expect_at(&place, "a/m.onnx", 0, "Too many levels");
    test_folder_remove(place.folder);
}

/* A file in memory has no folder: its description, "/memfd:...", names none. */
static void a_model_without_a_name_has_no_folder(void **state) {
    (void)state;
    const int fd = memfd_create("m.onnx", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_null(folder_of_open(fd));
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_one_and_several_files),
        cmocka_unit_test(refuses_paths_that_lead_away),
        cmocka_unit_test(refuses_places_outside_the_file),
        cmocka_unit_test(wants_a_folder_for_models_in_memory),
        cmocka_unit_test(refuses_raw_data_beside_external),
        cmocka_unit_test(follows_links_of_a_cache),
        cmocka_unit_test(finds_data_beside_the_linked_model),
        cmocka_unit_test(refuses_links_that_lead_away_from_both),
        cmocka_unit_test(a_model_without_a_name_has_no_folder),
        cmocka_unit_test(refuses_notes_in_the_place_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
