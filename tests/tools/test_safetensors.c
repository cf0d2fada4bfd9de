/* safetensors files: headers of every form, types that are not known, what is refused. */
#include "tests/support/checkpoint_file.h"
#include "tests/support/support.h"
#include "tools/checkpoint/choose.h"

#include <stdlib.h>
#include <string.h>

/* ---- safetensors ---- */

static void refuse_header(const char *header, size_t data, const char *part) {
    struct file_bytes file = {0};
    static const unsigned char zeroes[64];
    bytes_number(&file, strlen(header), 8);
    bytes_put(&file, header, strlen(header));
    bytes_put(&file, zeroes, data);
    refuse_saved(file.data, file.size, NULL, part);
    bytes_free(&file);
}

#define ENTRY(NAME, TYPE, SHAPE, OFFSETS) \
    "\"" NAME "\":{\"dtype\":\"" TYPE "\",\"shape\":" SHAPE ",\"data_offsets\":" OFFSETS "}"

static void test_safetensors_refused(void **state) {
    (void)state;
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,24]") "}", 25, "take 24 bytes of data and the file has 25");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,24]") "}", 23, "bytes 0 to 24 do not lie in the 23 bytes");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,20]") "}", 20, "tensor \"a\": has 20 bytes, 24 expected");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[24,0]") "}", 24, "bytes 24 to 0");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[4,8]") "}", 8, "a hole at byte 0");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[8,12]") "}", 12,
                  "hole at byte 4");
    refuse_header("{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "F32", "[1]", "[4,8]") "}", 8,
                  "overlaps at byte 8");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("a", "F32", "[1]", "[4,8]") "}", 8,
                  "two tensors \"a\"");
    refuse_header("{" ENTRY("a", "F4", "[1]", "[0,4]") "}", 3, "bytes 0 to 4 do not lie in the 3 bytes");
    refuse_header("{" ENTRY("a", "F4", "[1]", "[0,2]") "}", 4, "take 2 bytes of data and the file has 4");
    refuse_header("{" ENTRY("a", "X9", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[2,6]") "}", 6, "overlaps");
    refuse_header("{\"__metadata__\":nul}", 0, "\"{\" expected");
    refuse_header("{" ENTRY("a", "U8", "[-1]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[01]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1.0]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1e0]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[9223372036854775808]", "[0,1]") "}", 1, "less than 64 bits");
    refuse_header("{" ENTRY("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, "size is too large");
    refuse_header("{" ENTRY("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "size is too large");
    refuse_header("{" ENTRY("a", "U8", "[1,]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1,2]") "}", 1, "\"]\" expected");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0]") "}", 1, "\",\" expected");
    refuse_header("{" ENTRY("a\\u0000", "U8", "[1]", "[0,1]") "}", 1, "character that may stand in texts");
    refuse_header("{" ENTRY("a\\ud800", "U8", "[1]", "[0,1]") "}", 1, "surrogate");
    refuse_header("{" ENTRY("a\\udc00", "U8", "[1]", "[0,1]") "}", 1, "character that may");
    refuse_header("{" ENTRY("a\\x", "U8", "[1]", "[0,1]") "}", 1, "known escape");
    refuse_header("{" ENTRY("a\xff", "U8", "[1]", "[0,1]") "}", 1, "UTF-8");
    refuse_header("{" ENTRY("a\n", "U8", "[1]", "[0,1]") "}", 1, "at the end of a text");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]") "} x", 1, "nothing more");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]") ",}", 1, "\"\"\" expected");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]"), 1, "\"}\" expected");
    refuse_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "\"data_offsets\"");
    refuse_header("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 1, "each once");
    refuse_header("{\"a\":{\"type\":\"U8\"}}", 1, "each once");
    refuse_header("{\"a\":{\"dtype\":5}}", 1, "\"\"\" expected");
    refuse_header("{\"a\":[]}", 1, "byte 13: the header is damaged: \"{\" expected");
    refuse_header("{\"__metadata__\":{\"a\":1}}", 0, "\"\"\" expected");
    refuse_header("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "one \"__metadata__\"");
    refuse_saved("\x20\0\0\0\0\0\0\0{}", 10, NULL, "the header has 32 bytes and the file 10");
    refuse_saved("\0\0\0\0\0\0\0\0{", 9, NULL, "\"{\" expected");
}

static void test_safetensors_forms(void **state) {
    (void)state;
    static const char header[] = "{ \"__metadata__\" : {\"a\":\"b\", \"\\u00e9\":\"\"},\n\t" ENTRY(
        "\\ud83d\\ude00\\\"\\/", "U8", "[ 0 , 3 ]", "[1,1]") "," ENTRY("s", "U8", "[]", "[0,1]") " }   ";
    struct file_bytes file = {0};
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    bytes_number(&file, sizeof header - 1, 8);
    bytes_put(&file, header, sizeof header - 1);
    bytes_put(&file, "x", 1);
    if (checkpoint_load_memory(file.data, file.size, "x", NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    assert_int_equal(checkpoint_count(checkpoint), 2);
    assert_string_equal(checkpoint_at(checkpoint, 0)->path, "\xf0\x9f\x98\x80\"/");
    assert_int_equal(*(const char *)checkpoint_find(checkpoint, "s")->storage, 'x');
    checkpoint_close(checkpoint);
    bytes_free(&file);
}

/* What nobody may want is named and passed over. */
static void test_safetensors_unknown(void **state) {
    (void)state;
    static const char header[] = "{\"__metadata__\": null," ENTRY("four", "F4", "[3,5]", "[4,12]") "," ENTRY(
        "good", "F32", "[1]", "[0,4]") "," ENTRY("deep", "U8", "[1,1,1,1,1,1,1,1,1,1]",
                                                 "[12,13]") "," ENTRY("new", "I128_X", "[2]", "[13,13]") "}";
    struct file_bytes file = {0};
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    bytes_number(&file, sizeof header - 1, 8);
    bytes_put(&file, header, sizeof header - 1);
    bytes_put(&file, "abcdefghijklm", 13);
    if (checkpoint_load_memory(file.data, file.size, "x", NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    char *text = describe_saved(checkpoint);
    assert_string_equal(strchr(text, '\n') + 1, "opaque\tfour\ttensor of the type F4\n"
                                                "opaque\tdeep\ttensor of more than 8 dimensions\n"
                                                "opaque\tnew\ttensor of the type I128_X\n");
    assert_int_equal(checkpoint_count(checkpoint), 1);
    assert_memory_equal(checkpoint_find(checkpoint, "good")->storage, "abcd", 4);
    free(text);
    checkpoint_close(checkpoint);
    bytes_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_safetensors_refused),
                                       cmocka_unit_test(test_safetensors_forms),
                                       cmocka_unit_test(test_safetensors_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}