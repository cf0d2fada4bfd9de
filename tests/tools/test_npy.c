/* .npy files: what NumPy writes, what it may write, and what a stranger may make of it. */
#include "tests/support/support.h"

#include "tools/files/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file as NEP 1 describes it; freed by the caller. */
static struct byte_buffer make_file(int version, const char *dict, const void *data, size_t size) {
    const size_t length = strlen(dict), wide = version == 1 ? 2 : 4;
    struct byte_buffer file = {malloc(8 + wide + length + size + 1), 8 + wide + length + size};
    memcpy(file.data, "\x93NUMPY", 6);
    file.data[6] = (unsigned char)version;
    file.data[7] = 0;
    for (size_t i = 0; i < wide; i++)
        file.data[8 + i] = (unsigned char)(length >> (8 * i));
    memcpy(file.data + 8 + wide, dict, length);
    if (size)
        memcpy(file.data + 8 + wide + length, data, size);
    return file;
}

static struct tensor read_good(int version, const char *dict, const void *data, size_t size) {
    struct error err = {STATUS_OK, ""};
    struct byte_buffer file = make_file(version, dict, data, size);
    struct tensor tensor = {0};
    if (npy_read(file.data, file.size, &tensor, &err))
        fail_msg("%s: %s", dict, err.message);
    free(file.data);
    return tensor;
}

/* npy_read refuses the file with a message that contains `part`. */
static void refuse(int version, const char *dict, size_t size, const char *part) {
    static const unsigned char zeroes[256];
    struct error err = {STATUS_OK, ""};
    struct byte_buffer file = make_file(version, dict, zeroes, size);
    struct tensor tensor = {0};
    if (!npy_read(file.data, file.size, &tensor, &err))
        fail_msg("%s was read", dict);
    if (!strstr(err.message, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", dict, err.message, part);
    free(file.data);
}

/* numpy.save of numpy.arange(6, dtype="<f4").reshape(2, 3), byte for byte. */
static const unsigned char saved[] = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                                     "                                                          \n"
                                     "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@";

static void test_saved_by_numpy(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    struct tensor tensor;
    assert_int_equal(sizeof saved - 1, 152);
    assert_int_equal(npy_read(saved, sizeof saved - 1, &tensor, &err), STATUS_OK);
    assert_int_equal(tensor.dtype, DTYPE_FLOAT);
    assert_int_equal(tensor.shape.rank, 2);
    assert_int_equal(tensor.shape.dims[0], 2);
    assert_int_equal(tensor.shape.dims[1], 3);
    for (int i = 0; i < 6; i++)
        assert_true(((float *)tensor.data)[i] == (float)i);
    struct byte_buffer written;
    assert_int_equal(npy_write(&tensor, &written, &err), STATUS_OK);
    assert_int_equal(written.size, sizeof saved - 1);
    assert_memory_equal(written.data, saved, written.size);
    free(written.data);
    free(tensor.data);
}

static void test_spellings(void **state) {
    (void)state;
    static const char *const dicts[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'shape':(2,3),'descr':'<i2','fortran_order':False}",
        "{\"shape\": (2L, 3L,), \"fortran_order\": False , \"descr\": \"<i2\" , }  \n",
    };
    static const int16_t data[] = {0, 1, 2, 3, 4, -5};
    for (size_t i = 0; i < 3; i++)
        for (int version = 1; version <= 3; version++) {
            struct tensor tensor = read_good(version, dicts[i], data, sizeof data);
            assert_int_equal(tensor.dtype, DTYPE_INT16);
            assert_int_equal(tensor.shape.dims[1], 3);
            assert_memory_equal(tensor.data, data, sizeof data);
            free(tensor.data);
        }
}

static void test_types(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        enum dtype dtype;
        size_t size;
    } types[] = {{"<f4", DTYPE_FLOAT, 4},  {"<f8", DTYPE_DOUBLE, 8},    {"<f2", DTYPE_FLOAT16, 2},
                 {"|i1", DTYPE_INT8, 1},   {"<i2", DTYPE_INT16, 2},     {"<i4", DTYPE_INT32, 4},
                 {"<i8", DTYPE_INT64, 8},  {"|u1", DTYPE_UINT8, 1},     {"<u2", DTYPE_UINT16, 2},
                 {"<u4", DTYPE_UINT32, 4}, {"<u8", DTYPE_UINT64, 8},    {"|b1", DTYPE_BOOL, 1},
                 {"=i4", DTYPE_INT32, 4},  {"<c8", DTYPE_COMPLEX64, 8}, {"<c16", DTYPE_COMPLEX128, 16}};
    static const unsigned char zeroes[48];
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char dict[128];
        snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (3,), }\n", types[i].descr);
        struct tensor tensor = read_good(1, dict, zeroes, 3 * types[i].size);
        assert_int_equal(tensor.dtype, types[i].dtype);
        assert_int_equal(tensor.bytes, 3 * types[i].size);
        free(tensor.data);
    }
}

static void test_byte_order(void **state) {
    (void)state;
    static const unsigned char ints[] = {0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe};
    static const unsigned char complexes[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0};
    struct tensor tensor = read_good(1, "{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}", ints, 8);
    assert_int_equal(((int32_t *)tensor.data)[0], 258);
    assert_int_equal(((int32_t *)tensor.data)[1], -2);
    free(tensor.data);
    tensor = read_good(1, "{'descr': '>c8', 'fortran_order': False, 'shape': (1,)}", complexes, 8);
    assert_true(((float *)tensor.data)[0] == 1.0f);
    assert_true(((float *)tensor.data)[1] == 2.0f);
    free(tensor.data);
}

/* Element (i,j,k) of the array is 100 i + 10 j + k; Fortran order lets i run fastest. */
static void test_fortran_order(void **state) {
    (void)state;
    uint16_t columns[2 * 3 * 4];
    for (int k = 0, at = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                columns[at++] = (uint16_t)(100 * i + 10 * j + k);
    struct tensor tensor =
        read_good(1, "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3, 4)}", columns, sizeof columns);
    for (int i = 0, at = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                assert_int_equal(((uint16_t *)tensor.data)[at++], 100 * i + 10 * j + k);
    free(tensor.data);
}

static void test_edges(void **state) {
    (void)state;
    static const double scalar = 3.5;
    struct tensor tensor = read_good(3, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", &scalar, 8);
    assert_int_equal(tensor.shape.rank, 0);
    assert_true(*(double *)tensor.data == 3.5);
    free(tensor.data);
    tensor = read_good(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4), }", NULL, 0);
    assert_int_equal(tensor.shape.dims[1], 4);
    assert_int_equal(tensor.bytes, 0);
    free(tensor.data);
    static const unsigned char odd[] = {0, 1, 2, 255};
    tensor = read_good(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (4,), }", odd, 4);
    assert_memory_equal(tensor.data, "\0\1\1\1", 4);
    free(tensor.data);
    tensor = read_good(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1), }", odd, 1);
    assert_int_equal(tensor.shape.rank, 8);
    free(tensor.data);
}

#define DICT(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }\n"

static void test_refused(void **state) {
    (void)state;
    refuse(1, DICT("<f4", "(2, 3)"), 20, "24 bytes");
    refuse(1, DICT("<f4", "(2, 3)"), 28, "24 bytes");
    refuse(1, DICT("<f4", "(1000000, 1000000, 1000000)"), 0, "bytes");
    refuse(1, DICT("<f4", "(4294967296, 4294967296, 4294967296)"), 0, "");
    refuse(1, DICT("<f8", "(9223372036854775807,)"), 0, "");
    refuse(1, DICT("<f4", "(99999999999999999999,)"), 0, "64 bits");
    refuse(1, DICT("<f4", "(-1,)"), 4, "size expected");
    refuse(1, DICT("<f4", "(1,1,1,1,1,1,1,1,1)"), 4, "dimensions");
    refuse(1, DICT("<f4", "(2,,)"), 8, "damaged");
    refuse(1, DICT("<f4", "2"), 8, "damaged");
    refuse(1, DICT("<f4", "(2"), 8, "damaged");
    refuse(1, DICT("|O", "(1,)"), 8, "Python objects");
    refuse(1, DICT("<U5", "(1,)"), 16, "its 1 strings of 5 characters");
    refuse(1, DICT("<U99999999999999999999", "(1,)"), 16, "characters");
    refuse(1, DICT("|V2", "(1,)"), 2, "bfloat16");
    refuse(1, DICT("<f16", "(1,)"), 16, "'<f16'");
    refuse(1, DICT("", "(1,)"), 4, "element type ''");
    refuse(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "records");
    refuse(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, "fortran_order");
    refuse(1, "{'descr': '<f4', 'shape': (1,)}", 4, "fortran_order");
    refuse(1, "{'descr': '<f4', 'fortran_order': False}", 4, "shape");
    refuse(1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4, "twice");
    refuse(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4, "unknown entry 'x'");
    refuse(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, "after the closing");
    refuse(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", 0, "damaged");
    refuse(1, "__import__('os').abort()", 0, "damaged");
    refuse(1, "", 0, "damaged");
    refuse(4, DICT("<f4", "(1,)"), 4, "version 4");
}

static void test_short_files(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    for (size_t size = 0; size < sizeof saved - 1; size++) {
        unsigned char *exact = malloc(size + 1); /* what lies behind is out of bounds */
        memcpy(exact, saved, size);
        struct tensor tensor;
        unsigned char *cut = realloc(exact, size ? size : 1);
        assert_int_not_equal(npy_read(cut, size, &tensor, &err), STATUS_OK);
        if (size >= 6 && size < 128)
            assert_non_null(strstr(err.message, "ends in its header"));
        free(cut);
    }
}

static void test_written_types(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++) {
        if (dtype == DTYPE_STRING)
            continue;
        struct error err = {STATUS_OK, ""};
        const struct shape shape = {3, {2, 1, 3}};
        struct tensor tensor, again;
        assert_int_equal(tensor_describe(&tensor, (enum dtype)dtype, &shape, &err), STATUS_OK);
        tensor.data = calloc(tensor.bytes, 1);
        for (size_t i = 0; i < tensor.bytes; i++)
            ((unsigned char *)tensor.data)[i] = (unsigned char)(random_next(&random) & 1);
        struct byte_buffer file;
        const bool known = dtype >= 1 && dtype <= 15;
        assert_int_equal(npy_write(&tensor, &file, &err), known ? STATUS_OK : STATUS_UNSUPPORTED);
        if (known) {
            assert_int_equal((file.size - tensor.bytes) % 64, 0);
            assert_int_equal(npy_read(file.data, file.size, &again, &err), STATUS_OK);
            assert_int_equal(again.dtype, tensor.dtype);
            assert_true(shape_equal(&again.shape, &tensor.shape));
            assert_memory_equal(again.data, tensor.data, tensor.bytes);
            free(again.data);
            free(file.data);
        }
        free(tensor.data);
    }
}

static void test_strings(void **state) {
    (void)state;
    struct text texts[] = {{"a\0b", 3}, {"", 0}, {"\xf0\x9f\x98\x80 \xc3\xa4", 7}, {"four", 4}};
    struct tensor tensor, again;
    struct error err;
    struct byte_buffer file;
    assert_int_equal(tensor_describe(&tensor, DTYPE_STRING, &(struct shape){2, {2, 2}}, &err), STATUS_OK);
    tensor.data = texts;
    assert_int_equal(npy_write(&tensor, &file, &err), STATUS_OK);
    assert_int_equal(npy_read(file.data, file.size, &again, &err), STATUS_OK);
    assert_true(shape_equal(&again.shape, &tensor.shape));
    for (int i = 0; i < 4; i++) {
        const struct text *text = (const struct text *)again.data + i;
        assert_int_equal(text->length, texts[i].length);
        assert_memory_equal(text->bytes, texts[i].bytes, text->length);
    }
    free(again.data);
    free(file.data);
    texts[1] = (struct text){"z\0", 2}; /* NumPy would lose the zero */
    assert_int_equal(npy_write(&tensor, &file, &err), STATUS_UNSUPPORTED);
    texts[1] = (struct text){"\xff", 1};
    assert_int_equal(npy_write(&tensor, &file, &err), STATUS_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saved_by_numpy), cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_types),          cmocka_unit_test(test_byte_order),
        cmocka_unit_test(test_fortran_order),  cmocka_unit_test(test_edges),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_short_files),
        cmocka_unit_test(test_written_types),  cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
