/* What files are by their first bytes: each kind in several forms, and what must not be taken for another. */
#include "tests/support/support.h"

#include "base/recognise.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(TEXT) TEXT, sizeof(TEXT) - 1

static const struct sample {
    const char *bytes;
    size_t size;
    const char *what; /* part of it; NULL: nothing is known */
    bool stand_in;
} samples[] = {
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"), "Git LFS", true},
    {BYTES("version https://hawser.github.com/spec/v1\n"), "Git LFS", true},
    {BYTES("# xet version 0\nfilesize = 12\n"), "Git LFS", true},
    {BYTES("<!DOCTYPE html><html>"), "web page", true},
    {BYTES("\xef\xbb\xbf\r\n  <HTML lang=en>"), "web page", true},
    {BYTES("<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC>\n<html>"), "web page", true},
    {BYTES("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>"), "storage server", true},
    {BYTES("<?xml version=\"1.0\"?>\n<net name=\"x\" version=\"11\">"), "OpenVINO", false},
    {BYTES("<net name=\"x\" version=\"10\">"), "OpenVINO", false},
    {BYTES("<?xml version=\"1.0\"?><svg width=\"1\">"), "SVG", false},
    {BYTES("<?xml version=\"1.0\"?><plist>"), "XML", false},
    {BYTES("{\"error\":\"Repository not found\"}"), "server's error", true},
    {BYTES(" {\n \"detail\" : \"Not authenticated\"}"), "server's error", true},
    {BYTES("{\"message\":\"Bad credentials\",\"documentation_url\":\"x\"}"), "server's error", true},
    {BYTES("{\"metadata\":{},\"weight_map\":{}}"), "index of a checkpoint", false},
    {BYTES("{\"model_type\":\"x\"}"), "JSON", false},
    {BYTES("[1, 2]"), "JSON", false},
    {BYTES("<\n  ir_version: 8,\n  opset_import: [\"\" : 17]\n>"), "ONNX's text", false},
    {BYTES("7767517\n75 83\n"), "ncnn network", false},
    {BYTES("\x47\x6b\x30\x01xxxx"), "ncnn's weights", false},
    {BYTES("\x1f\x8b\x08"), "gzip", false},
    {BYTES("BZh91AY"), "bzip2", false},
    {BYTES("\x28\xb5\x2f\xfdxx"), "zstd", false},
    {BYTES("PK\3\4xxxx"), "zip", false},
    {BYTES("\x80\2}q"), "pickle", false},
    {BYTES("\x20\1\0\0\0\0\0\0{\"a\""), "safetensors", false},
    {BYTES("\x89HDF\r\n\x1a\n"), "HDF5", false},
    {BYTES("GGUF\3\0\0\0"), "GGUF", false},
    {BYTES("\x18\0\0\0ORTM"), "onnxruntime's own", false},
    {BYTES("\x1c\0\0\0TFL3"), "TFLite", false},
    {BYTES("\x0a\x20\x0a\5input\x12\x0bPlaceholder"), "frozen graph", false},
    {BYTES("\x08\1\x12\xb0\x10\x0a\xc2\1\x12\x8a\1"), "SavedModel", false},
    {BYTES("\x08\1\x12\x10\x0a\x09\x22\5serve"), "SavedModel", false},
    {BYTES("\x08\4\x12\x40\x0a\x10\x0a\5image\x1a\7"), "Core ML", false},
    {BYTES("\x89PNG\r\n\x1a\n"), "PNG", false},
    {BYTES("\xff\xd8\xff\xe0"), "JPEG picture", false},
    {BYTES("RIFF\1\2\3\4WEBPVP8 "), "WebP", false},
    {BYTES("\0\0\0\x18"
           "ftypheic"),
     "HEIC", false},
    {BYTES("\0\0\0\x1c"
           "ftypavif"),
     "AVIF", false},
    {BYTES("BM\1\2\3\4\0\0\0\0\x36\0\0\0\x28\0\0\0"), "BMP", false},
    {BYTES("BM\1\2\3\4\0\0\0\0\x36\0\0\0\x0b\0\0\0"), NULL, false},
    {BYTES("P5\n2 2\n255\n"), "PNM", false},
    {BYTES("P4 # made by hand\n"), "PNM", false},
    {BYTES("P7\nWIDTH 1"), "PAM", false},
    {BYTES("II+\0\x08"), "BigTIFF", false},
    {BYTES("Paris in spring"), "text", false},
    {BYTES("GIF89a"), "GIF", false},
    {BYTES("II*\0"), "TIFF", false},
    {BYTES("\x08\7\x12\7pytorch"), "ONNX model", false},
    {BYTES("\x08\1\x12\7pytorch"), "ONNX model", false},
    {BYTES("just some words"), "text", false},
    {BYTES("versions are https://git-lfs"), "text", false},
    {BYTES("errors {\"error\":1}"), "text", false},
    {BYTES("{x}"), NULL, false},
    {BYTES("BM picture"), "text", false},
    {BYTES("\x80\7xx"), NULL, false},
    {BYTES("\x20\1\0\0\0\0\1\0{\"a\""), NULL, false},
    {BYTES("\x0a\x20\x0a\5input\x12\x0bplaceholder"), NULL, false},
    {BYTES("\0\0\0\0\0\0\0\0"), NULL, false},
    {BYTES(""), NULL, false},
    {BYTES("<"), NULL, false},
    {BYTES("{"), NULL, false},
};

static void kinds_are_told_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *sample = &samples[i];
        const struct file_kind *kind = file_recognise(sample->bytes, sample->size);
        if (!kind != !sample->what || (kind && !strstr(kind->what, sample->what)))
            fail_msg("sample %zu is %s, expected %s", i, kind ? kind->what : "nothing",
                     sample->what ? sample->what : "nothing");
        if (kind && kind->stand_in != sample->stand_in)
            fail_msg("sample %zu stands for another file: %d", i, kind->stand_in);
    }
}

/* Nothing beyond the bytes is looked at. */
static void every_beginning_is_safe(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        for (size_t size = 0; size <= samples[i].size; size++) {
            unsigned char *exact = malloc(size + !size);
            assert_non_null(exact);
            memcpy(exact, samples[i].bytes, size);
            file_recognise(exact, size);
            free(exact);
        }
}

/* Numbers are never taken for what stands for another file. */
static void numbers_are_no_notes(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    float numbers[64];
    for (int i = 0; i < test_cases(2000); i++) {
        for (int k = 0; k < 64; k++)
            numbers[k] = random_float(&random);
        const struct file_kind *kind = file_recognise(numbers, sizeof numbers);
        assert_false(kind && kind->stand_in);
    }
}

static void messages_say_what_to_do(void **state) {
    (void)state;
    struct error err;
    const char note[] = "version https://git-lfs.github.com/spec/v1\n";
    assert_int_equal(
        fail_other_file(&err, STATUS_INVALID_MODEL, file_recognise(note, sizeof note - 1), "an ONNX model"),
        STATUS_INVALID_MODEL);
    assert_string_equal(err.message,
                        "this is a Git LFS note, not an ONNX model; fetch the file itself with: git lfs pull");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(every_beginning_is_safe),
        cmocka_unit_test(numbers_are_no_notes),
        cmocka_unit_test(messages_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
