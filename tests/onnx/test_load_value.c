/* SequenceProto, OptionalProto and MapProto: read, and refused when they make no sense or are cut off. */
#include "tests/support/proto.h"
#include "tests/support/support.h"

#include "onnx/load/load.h"

#include <stdlib.h>
#include <string.h>

enum {
    SEQUENCE_TENSORS = 3,
    SEQUENCE_SPARSE = 4,
    SEQUENCE_SEQUENCES = 5,
    SEQUENCE_MAPS = 6,
    MAP_KEY_TYPE = 2,
    MAP_KEYS = 3,
    MAP_TEXT_KEYS = 4,
    MAP_VALUES = 5,
    OPTIONAL_TENSOR = 3,
    OPTIONAL_SEQUENCE = 5
};

static struct proto number(float value) {
    struct proto tensor = {0};
    proto_int(&tensor, TENSOR_TYPE, DTYPE_FLOAT);
    proto_float(&tensor, TENSOR_FLOATS, value);
    return tensor;
}

static void add_number(struct proto *proto, unsigned field, float value) {
    struct proto tensor = number(value);
    proto_add(proto, field, &tensor);
}

/* In memory of its own, so that reading past its end is seen; the proto is gone. */
static status read_as(struct proto *proto, size_t size, enum dtype kind, struct pool *pool, struct loaded_value *out,
                      struct error *err) {
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, proto->bytes, size);
    const status code = value_proto_read(copy, size, kind, pool, NULL, out, err);
    free(copy);
    return code;
}

static void read_good(struct proto *proto, enum dtype kind, struct pool *pool, struct loaded_value *out) {
    struct error err;
    if (read_as(proto, proto->size, kind, pool, out, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    proto_free(proto);
}

static void refuse(struct proto *proto, enum dtype kind, status code, const char *message) {
    struct pool *pool = pool_create();
    struct loaded_value value;
    struct error err = {STATUS_OK, ""};
    const status got = read_as(proto, proto->size, kind, pool, &value, &err);
    if (got != code || !strstr(err.message, message))
        fail_msg("got %d \"%s\", expected %d \"%s\"", (int)got, err.message, (int)code, message);
    proto_free(proto);
    pool_destroy(pool);
}

static float float_of(const struct loaded_value *value) {
    assert_int_equal(value->tensor.dtype, DTYPE_FLOAT);
    return *(const float *)value->tensor.data;
}

static void reads_sequences_and_optionals(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct proto sequence = {0}, optional = {0}, empty = {0};
    struct loaded_value value;
    add_number(&sequence, SEQUENCE_TENSORS, 1);
    add_number(&sequence, SEQUENCE_TENSORS, 2);
    proto_text(&optional, 1, "name");
    proto_add(&optional, OPTIONAL_SEQUENCE, &sequence);
    read_good(&optional, DTYPE_OPTIONAL, pool, &value);
    assert_string_equal(value.name, "name");
    assert_int_equal(value.count, 1);
    assert_int_equal(value.items[0].tensor.dtype, DTYPE_SEQUENCE);
    assert_int_equal(value.items[0].count, 2);
    assert_true(float_of(&value.items[0].items[1]) == 2);
    proto_text(&empty, 1, "nothing");
    read_good(&empty, DTYPE_OPTIONAL, pool, &value);
    assert_int_equal(value.count, 0);
    pool_destroy(pool);
}

static struct proto map_of(int keys, int values) {
    struct proto map = {0}, list = {0};
    proto_int(&map, MAP_KEY_TYPE, DTYPE_STRING);
    for (int i = 0; i < keys; i++)
        proto_bytes(&map, MAP_TEXT_KEYS, "key\0", 4);
    for (int i = 0; i < values; i++)
        add_number(&list, SEQUENCE_TENSORS, (float)i);
    proto_add(&map, MAP_VALUES, &list);
    return map;
}

static void reads_maps(void **state) {
    (void)state;
    struct pool *pool = pool_create();
    struct proto map = map_of(3, 3), sequence = {0}, inner = map_of(0, 0);
    struct loaded_value value;
    read_good(&map, DTYPE_MAP, pool, &value);
    assert_int_equal(value.items[0].tensor.dtype, DTYPE_STRING);
    assert_int_equal(((const struct text *)value.items[0].tensor.data)[2].length, 4);
    assert_int_equal(value.items[1].tensor.shape.dims[0], 3);
    assert_true(((const float *)value.items[1].tensor.data)[2] == 2);
    proto_add(&sequence, SEQUENCE_MAPS, &inner);
    read_good(&sequence, DTYPE_SEQUENCE, pool, &value);
    assert_int_equal(value.items[0].items[0].tensor.dtype, DTYPE_STRING);
    assert_int_equal(value.items[0].items[0].tensor.shape.dims[0], 0);
    pool_destroy(pool);
}

static void refuses_what_makes_no_sense(void **state) {
    (void)state;
    struct proto two = {0}, sparse = {0}, mixed = {0}, nothing = {0}, inner = {0}, short_map = map_of(3, 2);
    add_number(&two, OPTIONAL_TENSOR, 1);
    proto_add(&two, OPTIONAL_SEQUENCE, &nothing);
    refuse(&two, DTYPE_OPTIONAL, STATUS_INVALID_MODEL, "has more than one value");
    proto_add(&sparse, SEQUENCE_SPARSE, &nothing);
    refuse(&sparse, DTYPE_SEQUENCE, STATUS_UNSUPPORTED, "has sparse tensors");
    add_number(&mixed, SEQUENCE_TENSORS, 1);
    proto_add(&mixed, SEQUENCE_SEQUENCES, &inner);
    refuse(&mixed, DTYPE_SEQUENCE, STATUS_INVALID_MODEL, "items of more than one kind");
    refuse(&short_map, DTYPE_MAP, STATUS_INVALID_MODEL, "is a map of 3 keys and 2 values");
}

static void refuses_endless_nesting(void **state) {
    (void)state;
    struct proto sequence = {0};
    for (int i = 0; i < 2000; i++) {
        struct proto outer = {0};
        proto_add(&outer, SEQUENCE_SEQUENCES, &sequence);
        sequence = outer;
    }
    refuse(&sequence, DTYPE_SEQUENCE, STATUS_LIMIT, "values nested deeper than");
}

static void cut_files_are_refused_or_whole(void **state) {
    (void)state;
    struct proto map = map_of(4, 4);
    for (size_t size = 0; size < map.size; size++) {
        struct pool *pool = pool_create();
        struct loaded_value value;
        struct error err = {STATUS_OK, ""};
        const status code = read_as(&map, size, DTYPE_MAP, pool, &value, &err);
        if (code == STATUS_OK)
            assert_int_equal(tensor_elements(&value.items[0].tensor), tensor_elements(&value.items[1].tensor));
        else
            assert_true(err.message[0] != 0);
        pool_destroy(pool);
    }
    proto_free(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sequences_and_optionals),  cmocka_unit_test(reads_maps),
        cmocka_unit_test(refuses_what_makes_no_sense),    cmocka_unit_test(refuses_endless_nesting),
        cmocka_unit_test(cut_files_are_refused_or_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
