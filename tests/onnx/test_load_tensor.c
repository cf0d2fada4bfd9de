/* TensorProto: every element type in every field that may hold it, and everything that must be refused. */
#include "tests/support/support.h"

#include "onnx/load/load.h"
#include "onnx/save/save.h"
#include "onnx/save/save_tensor.h"
#include "tests/support/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the TensorProto and frees it; what it becomes lives in the pool. */
static status read_tensor(struct proto *proto, struct pool *pool, struct tensor *out, struct error *err) {
    const char *name = NULL;
    uint8_t *copy = malloc(proto->size ? proto->size : 1);
    assert_non_null(copy);
    memcpy(copy, proto->bytes, proto->size);
    const status result = tensor_proto_read(copy, proto->size, pool, NULL, out, &name, err);
    free(copy); /* nothing may point into it now */
    proto_free(proto);
    return result;
}

static void read_good(struct proto *proto, struct pool *pool, struct tensor *out) {
    struct error err = {0};
    if (read_tensor(proto, pool, out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static void read_bad(struct proto *proto, status expected, const char *words) {
    struct pool *pool = pool_create();
    struct tensor tensor;
    struct error err = {0};
    const status result = read_tensor(proto, pool, &tensor, &err);
    pool_destroy(pool);
    if (result != expected || !strstr(err.message, words))
        fail_msg("status %d, \"%s\"; expected status %d and \"%s\"", result, err.message, expected, words);
}

/* ---- the table of types ---- */

/* Five elements of each type: where typed data of it stands, the numbers there, and the bytes in memory. */
static const struct {
    enum dtype dtype;
    unsigned field;
    int64_t numbers[5];
    int count; /* of numbers, fewer than five for packed types */
    const char *bytes;
} integers[] = {
    {DTYPE_UINT8, TENSOR_INT32S, {0, 1, 127, 128, 255}, 5, "\x00\x01\x7f\x80\xff"},
    {DTYPE_INT8, TENSOR_INT32S, {0, 1, 127, -128, -1}, 5, "\x00\x01\x7f\x80\xff"},
    {DTYPE_UINT16, TENSOR_INT32S, {0, 1, 0x1234, 0x8000, 0xffff}, 5, "\0\0\1\0\x34\x12\0\x80\xff\xff"},
    {DTYPE_INT16, TENSOR_INT32S, {0, 1, 0x1234, -0x8000, -1}, 5, "\0\0\1\0\x34\x12\0\x80\xff\xff"},
    {DTYPE_INT32,
     TENSOR_INT32S,
     {0, 1, -1, INT32_MIN, 0x12345678},
     5,
     "\0\0\0\0\1\0\0\0\xff\xff\xff\xff\0\0\0\x80\x78\x56\x34\x12"},
    {DTYPE_INT64,
     TENSOR_INT64S,
     {0, 1, -1, INT64_MIN, 5},
     5,
     "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x80\5\0\0\0\0\0\0\0"},
    {DTYPE_BOOL, TENSOR_INT32S, {0, 1, 1, 0, 1}, 5, "\0\1\1\0\1"},
    {DTYPE_FLOAT16, TENSOR_INT32S, {0, 0x3c00, 0xbc00, 0x7c00, 0xfe00}, 5, "\0\0\0\x3c\0\xbc\0\x7c\0\xfe"},
    {DTYPE_BFLOAT16, TENSOR_INT32S, {0, 0x3f80, 0xbf80, 0x7f80, 0xffc0}, 5, "\0\0\x80\x3f\x80\xbf\x80\x7f\xc0\xff"},
    {DTYPE_UINT32,
     TENSOR_UINT64S,
     {0, 1, 2, 0x80000000, 0xffffffff},
     5,
     "\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\x80\xff\xff\xff\xff"},
    {DTYPE_UINT64,
     TENSOR_UINT64S,
     {0, 1, 2, 3, -1},
     5,
     "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"},
    {DTYPE_FLOAT8E4M3FN, TENSOR_INT32S, {0, 1, 0x38, 0x80, 0xff}, 5, "\x00\x01\x38\x80\xff"},
    {DTYPE_FLOAT8E4M3FNUZ, TENSOR_INT32S, {0, 1, 0x38, 0x80, 0xff}, 5, "\x00\x01\x38\x80\xff"},
    {DTYPE_FLOAT8E5M2, TENSOR_INT32S, {0, 1, 0x38, 0x80, 0xff}, 5, "\x00\x01\x38\x80\xff"},
    {DTYPE_FLOAT8E5M2FNUZ, TENSOR_INT32S, {0, 1, 0x38, 0x80, 0xff}, 5, "\x00\x01\x38\x80\xff"},
    {DTYPE_FLOAT8E8M0, TENSOR_INT32S, {0, 1, 0x38, 0x80, 0xff}, 5, "\x00\x01\x38\x80\xff"},
    {DTYPE_UINT4, TENSOR_INT32S, {0x21, 0xf3, 0x05}, 3, "\x21\xf3\x05"},
    {DTYPE_INT4, TENSOR_INT32S, {0x21, 0xf3, 0x05}, 3, "\x21\xf3\x05"},
    {DTYPE_FLOAT4E2M1, TENSOR_INT32S, {0x21, 0xf3, 0x05}, 3, "\x21\xf3\x05"},
    {DTYPE_UINT2, TENSOR_INT32S, {0xe4, 0x02}, 2, "\xe4\x02"},
    {DTYPE_INT2, TENSOR_INT32S, {0xe4, 0x02}, 2, "\xe4\x02"},
};
#define INTEGERS (sizeof integers / sizeof *integers)

static void check_element_bytes(const struct tensor *tensor, enum dtype dtype, const void *bytes, size_t size) {
    assert_int_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->bytes, size);
    assert_true(tensor->constant);
    assert_false(tensor->mapped);
    if (memcmp(tensor->data, bytes, size) != 0)
        fail_msg("the bytes of type %s differ", dtype_name(dtype));
}

static size_t five_bytes(enum dtype dtype) {
    size_t size;
    assert_true(tensor_size(dtype, &(struct shape){.rank = 1, .dims = {5}}, &size));
    return size;
}

/* packed: as one run of numbers, as writers do; else number by number, which protobuf allows too. */
static void put_numbers(struct proto *tensor, size_t row, bool packed) {
    struct proto run = {0};
    for (int i = 0; i < integers[row].count; i++) {
        if (packed)
            proto_varint(&run, (uint64_t)integers[row].numbers[i]);
        else
            proto_int(tensor, integers[row].field, integers[row].numbers[i]);
    }
    if (packed)
        proto_add(tensor, integers[row].field, &run);
}

static void reads_every_integer_type(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    for (size_t row = 0; row < INTEGERS; row++)
        for (int packed = 0; packed < 2; packed++) {
            struct proto proto = proto_tensor("t", (int)integers[row].dtype, 1, 5);
            struct tensor tensor;
            put_numbers(&proto, row, packed);
            read_good(&proto, pool, &tensor);
            check_element_bytes(&tensor, integers[row].dtype, integers[row].bytes, five_bytes(integers[row].dtype));
        }
    pool_destroy(pool);
}

static void reads_every_type_as_raw_data(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct random random = random_from(test_seed());
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++) {
        uint8_t bytes[128];
        if (dtype == DTYPE_STRING)
            continue;
        const size_t size = five_bytes((enum dtype)dtype);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_next(&random);
        struct proto proto = proto_tensor("t", dtype, 1, 5);
        struct tensor tensor;
        proto_bytes(&proto, TENSOR_RAW, bytes, size);
        read_good(&proto, pool, &tensor);
        check_element_bytes(&tensor, (enum dtype)dtype, bytes, size);
    }
    pool_destroy(pool);
}

static void reads_floats_and_complex_numbers(void **state) {
    (void)state;
    static const float floats[10] = {0, 1, -1, 3.5f, 1e-40f, 5, 6, 7, 8, 9};
    static const double doubles[10] = {0, 1, -1, 3.5, 1e-310, 5, 6, 7, 8, 9};
    const struct {
        enum dtype dtype;
        unsigned field;
        const void *data;
        size_t size;
    } cases[] = {
        {DTYPE_FLOAT, TENSOR_FLOATS, floats, 20},
        {DTYPE_COMPLEX64, TENSOR_FLOATS, floats, 40},
        {DTYPE_DOUBLE, TENSOR_DOUBLES, doubles, 40},
        {DTYPE_COMPLEX128, TENSOR_DOUBLES, doubles, 80},
    };
    struct pool *pool = pool_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto proto = proto_tensor("t", (int)cases[i].dtype, 1, 5);
        struct tensor tensor;
        proto_bytes(&proto, cases[i].field, cases[i].data, cases[i].size);
        read_good(&proto, pool, &tensor);
        check_element_bytes(&tensor, cases[i].dtype, cases[i].data, cases[i].size);
    }
    pool_destroy(pool);
}

static void reads_texts(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct proto proto = proto_tensor("t", DTYPE_STRING, 2, 1, 3);
    struct tensor tensor;
    proto_text(&proto, TENSOR_TEXTS, "one");
    proto_text(&proto, TENSOR_TEXTS, "");
    proto_bytes(&proto, TENSOR_TEXTS, "a\0b", 3);
    read_good(&proto, pool, &tensor);
    const struct text *texts = tensor.data;
    assert_int_equal(texts[0].length, 3);
    assert_memory_equal(texts[0].bytes, "one", 3);
    assert_int_equal(texts[1].length, 0);
    assert_non_null(texts[1].bytes);
    assert_int_equal(texts[2].length, 3);
    assert_memory_equal(texts[2].bytes, "a\0b", 3);
    pool_destroy(pool);
}

static void reads_scalars_and_empty_tensors(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct tensor tensor;
    struct proto scalar = proto_tensor("t", DTYPE_FLOAT, 0);
    proto_float(&scalar, TENSOR_FLOATS, 2.5f);
    read_good(&scalar, pool, &tensor);
    assert_int_equal(tensor.shape.rank, 0);
    assert_true(*(const float *)tensor.data == 2.5f);

    for (int form = 0; form < 3; form++) { /* no data, empty raw data, empty typed data */
        struct proto empty = proto_tensor("t", DTYPE_INT64, 3, 2, 0, 3);
        if (form > 0)
            proto_bytes(&empty, form == 1 ? TENSOR_RAW : TENSOR_INT64S, "", 0);
        read_good(&empty, pool, &tensor);
        assert_int_equal(tensor.bytes, 0);
        assert_int_equal(tensor_elements(&tensor), 0);
    }
    pool_destroy(pool);
}

/* ---- what is refused ---- */

static void refuses_data_of_the_wrong_size(void **state) {
    (void)state;
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++)
        for (int off = -1; off <= 1; off += 2) {
            const uint8_t bytes[128] = {0};
            if (dtype == DTYPE_STRING)
                continue;
            struct proto proto = proto_tensor("weight", dtype, 1, 5);
            proto_bytes(&proto, TENSOR_RAW, bytes, (size_t)((int)five_bytes((enum dtype)dtype) + off));
            read_bad(&proto, STATUS_INVALID_MODEL, "tensor \"weight\": has");
        }
    for (size_t row = 0; row < INTEGERS; row++) {
        struct proto more = proto_tensor("t", (int)integers[row].dtype, 1, 5);
        put_numbers(&more, row, true);
        proto_int(&more, integers[row].field, 0);
        read_bad(&more, STATUS_INVALID_MODEL, "numbers in");
        struct proto none = proto_tensor("t", (int)integers[row].dtype, 1, 5);
        read_bad(&none, STATUS_INVALID_MODEL, "its data is missing");
    }
}

static void refuses_data_in_the_wrong_field(void **state) {
    (void)state;
    static const unsigned fields[] = {TENSOR_FLOATS, TENSOR_INT32S,  TENSOR_TEXTS,
                                      TENSOR_INT64S, TENSOR_DOUBLES, TENSOR_UINT64S};
    for (size_t row = 0; row < INTEGERS; row++)
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            if (fields[i] == integers[row].field)
                continue;
            struct proto proto = proto_tensor("t", (int)integers[row].dtype, 1, 5);
            proto_bytes(&proto, fields[i], "\0\0\0\0\0\0\0\0", 8);
            read_bad(&proto, STATUS_INVALID_MODEL, "which is not its place");
        }
    struct proto both = proto_tensor("t", DTYPE_FLOAT, 1, 1);
    proto_bytes(&both, TENSOR_RAW, "\0\0\0\0", 4);
    proto_float(&both, TENSOR_FLOATS, 1);
    read_bad(&both, STATUS_INVALID_MODEL, "which is not its place");
    struct proto raw_text = proto_tensor("t", DTYPE_STRING, 1, 1);
    proto_bytes(&raw_text, TENSOR_RAW, "abc", 3);
    read_bad(&raw_text, STATUS_INVALID_MODEL, "texts as raw data");
}

static void refuses_numbers_out_of_range(void **state) {
    (void)state;
    static const struct {
        enum dtype dtype;
        unsigned field;
        int64_t number;
    } cases[] = {
        {DTYPE_UINT8, TENSOR_INT32S, 256},     {DTYPE_INT8, TENSOR_INT32S, -129},
        {DTYPE_UINT16, TENSOR_INT32S, 65536},  {DTYPE_INT16, TENSOR_INT32S, -32769},
        {DTYPE_FLOAT16, TENSOR_INT32S, 65536}, {DTYPE_FLOAT8E5M2, TENSOR_INT32S, 256},
        {DTYPE_INT4, TENSOR_INT32S, 256},      {DTYPE_UINT32, TENSOR_UINT64S, (int64_t)1 << 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto proto = proto_tensor("t", (int)cases[i].dtype, 1, 1);
        proto_int(&proto, cases[i].field, cases[i].number);
        read_bad(&proto, STATUS_INVALID_MODEL, "has the number");
    }
}

static void refuses_bad_shapes_and_types(void **state) {
    (void)state;
    struct proto negative = proto_tensor("t", DTYPE_FLOAT, 2, 3, -1);
    read_bad(&negative, STATUS_INVALID_MODEL, "negative size -1 in dimension 1");
    struct proto deep = proto_tensor("t", DTYPE_FLOAT, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    read_bad(&deep, STATUS_LIMIT, "has 9 dimensions");
    struct proto huge = proto_tensor("t", DTYPE_FLOAT, 4, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX);
    read_bad(&huge, STATUS_LIMIT, "no valid size");
    struct proto large = proto_tensor("t", DTYPE_FLOAT, 2, INT32_MAX, 1024);
    proto_bytes(&large, TENSOR_RAW, "\0\0\0\0", 4);
    read_bad(&large, STATUS_LIMIT, "limit tensor_bytes");
    struct proto untold = proto_tensor("t", DTYPE_FLOAT, 2, 1 << 16, 1 << 14); /* 4 GiB and no data */
    read_bad(&untold, STATUS_INVALID_MODEL, "its data is missing");
    struct proto untyped = proto_tensor("t", 0, 1, 1);
    read_bad(&untyped, STATUS_INVALID_MODEL, "no element type");
    struct proto six_bits = proto_tensor("t", 27, 1, 1);
    read_bad(&six_bits, STATUS_UNSUPPORTED, "6-bit");
    struct proto unknown = proto_tensor("t", 29, 1, 1);
    read_bad(&unknown, STATUS_INVALID_MODEL, "element type 29");
    struct proto below = proto_tensor("t", -1, 1, 1);
    read_bad(&below, STATUS_INVALID_MODEL, "element type -1");
    struct proto segment = proto_tensor("t", DTYPE_FLOAT, 1, 1);
    proto_bytes(&segment, TENSOR_SEGMENT, "", 0);
    read_bad(&segment, STATUS_UNSUPPORTED, "segments");
    struct proto elsewhere = proto_tensor("t", DTYPE_FLOAT, 1, 1);
    proto_int(&elsewhere, TENSOR_LOCATION, 2);
    read_bad(&elsewhere, STATUS_INVALID_MODEL, "unknown data location 2");
}

/* ---- there and back ---- */

static void writes_what_it_reads(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct pool *pool = pool_create();
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++) {
        struct text texts[6] = {{"a", 1}, {"", 0}, {"b\0c", 3}, {"d", 1}, {"e", 1}, {"f", 1}};
        uint8_t bytes[128];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)random_next(&random);
        struct tensor tensor, again;
        struct error err = {0};
        void *data;
        size_t size;
        const char *name;
        assert_int_equal(tensor_describe(&tensor, (enum dtype)dtype, &(struct shape){2, {2, 3}}, &err), STATUS_OK);
        tensor.data = dtype == DTYPE_STRING ? (void *)texts : bytes;
        assert_int_equal(tensor_proto_write(&tensor, "it", &data, &size, &err), STATUS_OK);
        assert_int_equal(tensor_proto_read(data, size, pool, NULL, &again, &name, &err), STATUS_OK);
        free(data);
        assert_string_equal(name, "it");
        assert_int_equal(again.dtype, dtype);
        assert_true(shape_equal(&again.shape, &tensor.shape));
        if (dtype != DTYPE_STRING)
            assert_memory_equal(again.data, bytes, tensor.bytes);
        for (int i = 0; dtype == DTYPE_STRING && i < 6; i++) {
            const struct text *text = (const struct text *)again.data + i;
            assert_int_equal(text->length, texts[i].length);
            assert_memory_equal(text->bytes, texts[i].bytes, text->length);
        }
    }
    pool_destroy(pool);
}

static void writes_no_tensor_without_data(void **state) {
    (void)state;
    struct tensor tensor;
    struct error err = {0};
    void *data;
    size_t size;
    tensor_describe(&tensor, DTYPE_FLOAT, &(struct shape){1, {3}}, &err);
    assert_int_equal(tensor_proto_write(&tensor, "t", &data, &size, &err), STATUS_INVALID_ARGUMENT);
    tensor.bytes = 5;
    assert_int_equal(tensor_proto_write(&tensor, "t", &data, &size, &err), STATUS_INVALID_ARGUMENT);
}

/* ---- where initializers lie ---- */

/* Loads a model with one float initializer from memory that starts `shift` bytes off; true when the data stayed there.
 */
static bool stays_in_place(int count, size_t shift) {
    struct proto graph = {0};
    proto_initializer(&graph, "w", count);
    proto_value(&graph, GRAPH_OUTPUT, "w", 1, count);
    struct proto model = proto_model(&graph);
    uint8_t *place = aligned_alloc(64, (model.size + 128) / 64 * 64);
    assert_non_null(place);
    memcpy(place + shift, model.bytes, model.size);
    struct onnx_model *loaded = NULL;
    struct error err = {0};
    assert_int_equal(onnx_load_memory(place + shift, model.size, NULL, NULL, &loaded, &err), STATUS_OK);
    const struct tensor *weight = loaded->graph->values[0].initializer;
    const uint8_t *data = weight->data;
    const bool stays = data >= place && data < place + shift + model.size;
    const float last = 1;
    assert_false(weight->mapped); /* the caller's memory is nobody's to let go */
    assert_true(stays || tensor_aligned(weight));
    assert_memory_equal(data + weight->bytes - 4, &last, 4);
    onnx_close(loaded);
    free(place);
    proto_free(&model);
    return stays;
}

static void copies_small_misaligned_data_only(void **state) {
    (void)state;
    int stayed = 0;
    for (size_t shift = 0; shift < 4; shift++)
        stayed += stays_in_place(4, shift);
    assert_int_equal(stayed, 1); /* where it happens to be aligned */
    for (size_t shift = 0; shift < 4; shift++)
        assert_true(stays_in_place(20000, shift)); /* 80,000 bytes are used where they lie, whatever their alignment */
}

/* ---- sparse initializers ---- */

static struct proto sparse_model(int dtype, int count, const void *values, size_t value_bytes, int rank_of_indices,
                                 const int64_t *indices, int index_count, int rows, int columns) {
    struct proto graph = {0}, sparse = {0}, value = proto_tensor("s", dtype, 1, count), index = {0};
    proto_bytes(&value, TENSOR_RAW, values, value_bytes);
    index = rank_of_indices == 1 ? proto_tensor("", DTYPE_INT64, 1, index_count)
                                 : proto_tensor("", DTYPE_INT64, 2, index_count / 2, 2);
    proto_bytes(&index, TENSOR_RAW, indices, 8 * (size_t)index_count);
    proto_add(&sparse, SPARSE_VALUES, &value);
    proto_add(&sparse, SPARSE_INDICES, &index);
    proto_int(&sparse, SPARSE_DIMS, rows);
    proto_int(&sparse, SPARSE_DIMS, columns);
    proto_add(&graph, GRAPH_SPARSE, &sparse);
    proto_value(&graph, GRAPH_OUTPUT, "s", 2, rows, columns);
    return proto_model(&graph);
}

static void makes_sparse_tensors_dense(void **state) {
    (void)state;
    const float values[] = {1, 2, 3}, expected[] = {0, 1, 0, 2, 0, 3};
    const int64_t linear[] = {1, 3, 5}, pairs[] = {0, 1, 1, 0, 1, 2};
    for (int form = 1; form <= 2; form++) {
        struct proto proto =
            sparse_model(DTYPE_FLOAT, 3, values, sizeof values, form, form == 1 ? linear : pairs, 3 * form, 2, 3);
        void *data;
        struct onnx_model *model = proto_load(&proto, &data);
        const struct tensor *tensor = model->graph->values[0].initializer;
        assert_int_equal(tensor->shape.rank, 2);
        assert_memory_equal(tensor->data, expected, sizeof expected);
        onnx_close(model);
        free(data);
    }
    const int64_t places[] = {0, 4, 5};
    struct proto packed = sparse_model(DTYPE_INT4, 3, "\x21\x0f", 2, 1, places, 3, 2, 3);
    void *data;
    struct onnx_model *model = proto_load(&packed, &data);
    assert_memory_equal(model->graph->values[0].initializer->data, "\x01\x00\xf2", 3);
    onnx_close(model);
    free(data);
}

static void refuses_bad_sparse_indices(void **state) {
    (void)state;
    const float values[] = {1, 2};
    static const struct {
        int form, count;
        int64_t indices[6];
        const char *words;
    } cases[] = {
        {1, 2, {1, 6}, "index 6 outside of 0..5"},
        {1, 2, {-1, 2}, "index -1"},
        {1, 2, {3, 3}, "do not ascend"},
        {1, 2, {3, 1}, "do not ascend"},
        {2, 4, {0, 3, 1, 0}, "index 3 in dimension 1"},
        {2, 4, {1, 0, 0, 1}, "do not ascend"},
        {1, 3, {0, 1, 2}, "indices of shape [3]"},
        {2, 6, {0, 0, 0, 1, 0, 2}, "indices of shape [3,2]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto model =
            sparse_model(DTYPE_FLOAT, 2, values, sizeof values, cases[i].form, cases[i].indices, cases[i].count, 2, 3);
        proto_refused(&model, NULL, STATUS_INVALID_MODEL, cases[i].words);
    }
    const int64_t first[] = {0, 1};
    struct proto huge = sparse_model(DTYPE_FLOAT, 2, values, sizeof values, 1, first, 2, 1 << 16, 1 << 14);
    proto_refused(&huge, NULL, STATUS_LIMIT, "limit expanded_bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_integer_type),         cmocka_unit_test(reads_every_type_as_raw_data),
        cmocka_unit_test(reads_floats_and_complex_numbers), cmocka_unit_test(reads_texts),
        cmocka_unit_test(reads_scalars_and_empty_tensors),  cmocka_unit_test(refuses_data_of_the_wrong_size),
        cmocka_unit_test(refuses_data_in_the_wrong_field),  cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(refuses_bad_shapes_and_types),     cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_no_tensor_without_data),    cmocka_unit_test(copies_small_misaligned_data_only),
        cmocka_unit_test(makes_sparse_tensors_dense),       cmocka_unit_test(refuses_bad_sparse_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
