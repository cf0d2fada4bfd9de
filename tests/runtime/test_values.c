/* Strings, sequences, optionals and maps through limner.h: given, returned, owned, limited, refused. What operators
 * compute of them is compared with onnxruntime by tests/e2e/values.py. */
#include "tests/support/builder.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const struct declared_type float_type = {.dtype = DTYPE_FLOAT, .rank = -1};
static const struct declared_type floats_type = {
    .dtype = DTYPE_SEQUENCE, .other = "sequence", .rank = -1, .item = &float_type};

/* An input that is no plain tensor. */
static void boxed_input(struct builder *b, const char *name, enum dtype kind, const struct declared_type *item) {
    build_input(b, name, kind, NULL);
    struct value *value = &b->model->graph->values[graph_find_value(b->model->graph, name)];
    value->type.other = dtype_name(kind);
    value->type.item = item;
}

static limner_session *session_with(struct builder *b, const limner_options *options) {
    limner_model *model = build_model(b, 0);
    limner_session *session = open_session(model, options);
    limner_model_close(model);
    return session;
}

static limner_session *session_of(struct builder *b) {
    return session_with(b, NULL);
}

static limner_tensor strings(const char *name, limner_string *data, int64_t count) {
    return (limner_tensor){.name = name,
                           .type = LIMNER_STRING,
                           .rank = 1,
                           .dims = {count},
                           .data = data,
                           .bytes = (size_t)count * sizeof *data};
}

static limner_tensor floats(float *data, int64_t count) {
    return (limner_tensor){
        .type = LIMNER_FLOAT, .rank = 1, .dims = {count}, .data = data, .bytes = (size_t)count * sizeof *data};
}

static limner_tensor list(const char *name, limner_type type, limner_tensor *items, int64_t count) {
    return (limner_tensor){
        .name = name, .type = type, .rank = 1, .dims = {count}, .data = items, .bytes = (size_t)count * sizeof *items};
}

static void same_string(const limner_tensor *output, size_t i, const char *bytes, size_t length) {
    const limner_string *string = (const limner_string *)output->data + i;
    assert_int_equal(output->type, LIMNER_STRING);
    assert_int_equal(string->length, length);
    assert_memory_equal(string->bytes, bytes, length);
    assert_int_equal(string->bytes[length], 0);
}

static void same_floats(const limner_tensor *item, const float *expected, int64_t count) {
    assert_int_equal(item->type, LIMNER_FLOAT);
    assert_int_equal(item->dims[0], count);
    assert_memory_equal(item->data, expected, (size_t)count * sizeof *expected);
}

static void expect_refusal(limner_session *session, const limner_tensor *input, limner_status code, const char *text) {
    limner_tensor output = {0};
    limner_error error;
    const limner_status got = limner_session_run(session, input, 1, &output, 1, &error);
    if (got != code || !strstr(error.message, text))
        fail_msg("got %d \"%s\", expected %d \"%s\"", (int)got, error.message, (int)code, text);
}

/* ---- strings ---- */

static struct builder joining(void) {
    struct builder b = build_start(20);
    build_input(&b, "x", DTYPE_STRING, "?");
    build_node(&b, "StringConcat", "x x", "y");
    build_output(&b, "y");
    return b;
}

/* Zeros are characters; the caller's bytes may go after the run; an output may be the next input. */
static void strings_go_in_and_out(void **state) {
    (void)state;
    struct builder b = joining();
    limner_session *session = session_of(&b);
    char first[] = "a\0b";
    limner_string data[] = {{first, 3}, {"", 0}, {"\xc3\xa4", 2}};
    const limner_tensor input = strings("x", data, 3);
    limner_tensor output = {.name = "y"};
    run_model(session, &input, 1, &output, 1);
    memset(first, 'z', sizeof first);
    same_string(&output, 0, "a\0ba\0b", 6);
    same_string(&output, 1, "", 0);
    same_string(&output, 2, "\xc3\xa4\xc3\xa4", 4);
    limner_tensor again = output;
    again.name = "x";
    run_model(session, &again, 1, &output, 1);
    same_string(&output, 0, "a\0ba\0ba\0ba\0b", 12);
    assert_true(again.data != output.data);
    limner_session_close(session);
}

/* The strings are copied where the caller wants them; their characters are the session's. */
static void strings_into_own_memory(void **state) {
    (void)state;
    struct builder b = joining();
    limner_session *session = session_of(&b);
    limner_string data[] = {{"ab", 2}, {"c", 1}}, room[2];
    const limner_tensor input = strings("x", data, 2);
    limner_tensor output = {.name = "y", .data = room, .bytes = sizeof room};
    run_model(session, &input, 1, &output, 1);
    assert_ptr_equal(output.data, room);
    same_string(&output, 1, "cc", 2);
    limner_tensor small = {.name = "y", .data = room, .bytes = sizeof room - 1};
    limner_error error;
    assert_int_equal(limner_session_run(session, &input, 1, &small, 1, &error), LIMNER_INVALID_ARGUMENT);
    limner_session_close(session);
}

/* What only passes through a model is the session's in the end, too. */
static void strings_that_pass_through(void **state) {
    (void)state;
    struct builder b = build_start(20);
    build_input(&b, "x", DTYPE_STRING, "?");
    build_node(&b, "Identity", "x", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b);
    char text[] = "text";
    limner_string data[] = {{text, 4}};
    const limner_tensor input = strings("x", data, 1);
    limner_tensor output = {.name = "y"};
    run_model(session, &input, 1, &output, 1);
    memset(text, 'z', sizeof text);
    data[0].length = 0;
    same_string(&output, 0, "text", 4);
    limner_session_close(session);
}

static void strings_are_checked(void **state) {
    (void)state;
    struct builder b = joining();
    limner_session *session = session_of(&b);
    limner_string data[] = {{"a", 1}, {NULL, 0}};
    limner_tensor input = strings("x", data, 2);
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "input \"x\": has no bytes for string 1");
    input.bytes = sizeof data[0];
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "has 16 bytes, its type and shape need 32");
    float number = 1;
    limner_tensor numbers = floats(&number, 1);
    numbers.name = "x";
    expect_refusal(session, &numbers, LIMNER_INVALID_ARGUMENT, "has element type float, expected string");
    limner_session_close(session);
}

/* A loop that doubles a string: 2^40 bytes are above the limit long before they are above memory. */
static void strings_are_limited(void **state) {
    (void)state;
    struct builder b = build_start(20);
    build_input(&b, "n", DTYPE_INT64, "");
    build_input(&b, "x", DTYPE_STRING, "?");
    struct builder body = build_loop_body(&b);
    build_input(&body, "v", DTYPE_STRING, NULL);
    build_node(&body, "StringConcat", "v v", "next");
    build_output(&body, "next");
    build_node(&b, "Loop", "n - x", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    const limner_limits limits = {.size = sizeof limits, .arena_bytes = 1 << 20};
    const limner_options options = {.size = sizeof options, .threads = 1, .limits = &limits};
    limner_session *session = session_with(&b, &options);
    int64_t count = 40;
    limner_string data[] = {{"ab", 2}};
    const limner_tensor inputs[] = {{.name = "n", .type = LIMNER_INT64, .data = &count, .bytes = sizeof count},
                                    strings("x", data, 1)};
    limner_tensor output = {.name = "y"};
    limner_error error;
    assert_int_equal(limner_session_run(session, inputs, 2, &output, 1, &error), LIMNER_LIMIT);
    assert_non_null(strstr(error.message, "need more than the limit of"));
    count = 10;
    run_model(session, inputs, 2, &output, 1);
    assert_int_equal(((limner_string *)output.data)->length, 2048);
    limner_session_close(session);
}

/* ---- sequences ---- */

static void sequences_go_in_and_out(void **state) {
    (void)state;
    struct builder b = build_start(17);
    boxed_input(&b, "s", DTYPE_SEQUENCE, &float_type);
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "SequenceInsert", "s x", "y");
    build_output(&b, "y");
    limner_model *model = build_model(&b, 0);
    assert_string_equal(limner_model_input_type(model, 0), "seq(tensor(float))");
    assert_string_equal(limner_model_input_type(model, 1), "tensor(float)");
    limner_session *session = open_session(model, NULL);
    limner_model_close(model);
    float a[] = {1, 2}, c[] = {3, 4, 5}, x[] = {6};
    limner_tensor items[] = {floats(a, 2), floats(c, 3)},
                  inputs[] = {list("s", LIMNER_SEQUENCE, items, 2), floats(x, 1)};
    inputs[1].name = "x";
    limner_tensor output = {.name = "y"};
    run_model(session, inputs, 2, &output, 1);
    a[0] = c[0] = x[0] = 99; /* all are copies */
    assert_int_equal(output.type, LIMNER_SEQUENCE);
    assert_int_equal(output.dims[0], 3);
    const limner_tensor *made = output.data;
    same_floats(&made[0], (const float[]){1, 2}, 2);
    same_floats(&made[1], (const float[]){3, 4, 5}, 3);
    same_floats(&made[2], (const float[]){6}, 1);
    inputs[0] = output; /* and again, with what the last run gave; an item of it as a tensor, too */
    inputs[0].name = "s";
    inputs[1] = made[0];
    inputs[1].name = "x";
    run_model(session, inputs, 2, &output, 1);
    assert_int_equal(output.dims[0], 4);
    same_floats((const limner_tensor *)output.data + 3, (const float[]){1, 2}, 2);
    limner_session_trim(session);
    output.data = NULL; /* which ended */
    inputs[0] = list("s", LIMNER_SEQUENCE, items, 2);
    inputs[1] = floats(x, 1);
    inputs[1].name = "x";
    run_model(session, inputs, 2, &output, 1);
    same_floats((const limner_tensor *)output.data + 2, (const float[]){99}, 1);
    limner_session_close(session);
}

static void sequences_are_checked(void **state) {
    (void)state;
    struct builder b = build_start(17);
    boxed_input(&b, "s", DTYPE_SEQUENCE, &float_type);
    build_node(&b, "SequenceLength", "s", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b);
    float a[] = {1, 2};
    int64_t n = 3;
    limner_tensor items[] = {floats(a, 2), {.type = LIMNER_INT64, .data = &n, .bytes = sizeof n}};
    limner_tensor input = list("s", LIMNER_SEQUENCE, items, 2);
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "input \"s\": item 1: is of type int64, expected float");
    input = list("s", LIMNER_SEQUENCE, items, -1);
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "must have rank 1");
    input = list("s", LIMNER_SEQUENCE, NULL, 2);
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "has no data for 2 items");
    input = list("s", LIMNER_SEQUENCE, items, 2);
    input.dims[0] = INT64_MAX / 2;
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "has no data for");
    items[0].bytes = 4;
    input = list("s", LIMNER_SEQUENCE, items, 1);
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "item 0: has 4 bytes");
    input = items[1];
    input.name = "s";
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "is of type int64, expected sequence");
    limner_session_close(session);
}

/* s and t change places in every iteration, and one of both grows. */
static void sequences_in_loops(void **state) {
    (void)state;
    struct builder b = build_start(17);
    boxed_input(&b, "s", DTYPE_SEQUENCE, &float_type);
    build_input(&b, "n", DTYPE_INT64, "");
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "SequenceEmpty", "", "t");
    struct builder body = build_loop_body(&b);
    build_input(&body, "u", DTYPE_UNDEFINED, NULL);
    build_input(&body, "v", DTYPE_UNDEFINED, NULL);
    build_captured(&body, "x");
    build_node(&body, "SequenceInsert", "v x", "grown");
    build_output(&body, "grown");
    build_output(&body, "u");
    build_node(&b, "Loop", "n - s t", "y z");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    build_output(&b, "z");
    limner_session *session = session_of(&b);
    int64_t count = 5;
    float a[] = {1, 2}, x[] = {7};
    limner_tensor items[] = {floats(a, 2)};
    limner_tensor inputs[] = {list("s", LIMNER_SEQUENCE, items, 1),
                              floats(x, 1),
                              {.name = "n", .type = LIMNER_INT64, .data = &count, .bytes = sizeof count}};
    inputs[1].name = "x";
    for (count = 5; count >= 0; count -= 5) {
        limner_tensor outputs[] = {{.name = "y"}, {.name = "z"}};
        run_model(session, inputs, 3, outputs, 2);
        assert_int_equal(outputs[0].dims[0] + outputs[1].dims[0], count + 1);
        const limner_tensor *with = count ? &outputs[1] : &outputs[0];
        same_floats(with->data, (const float[]){1, 2}, 2);
    }
    limner_session_close(session);
}

/* A loop that inserts the same tensor: its copies are limited as activations are. */
static void sequences_are_limited(void **state) {
    (void)state;
    struct builder b = build_start(17);
    build_input(&b, "n", DTYPE_INT64, "");
    build_input(&b, "x", DTYPE_FLOAT, "?");
    build_node(&b, "SequenceEmpty", "", "t");
    struct builder body = build_loop_body(&b);
    build_input(&body, "v", DTYPE_UNDEFINED, NULL);
    build_captured(&body, "x");
    build_node(&body, "SequenceInsert", "v x", "grown");
    build_output(&body, "grown");
    build_node(&b, "Loop", "n - t", "y");
    build_attribute_graph(&b, "body", &body);
    build_output(&b, "y");
    const limner_limits limits = {.size = sizeof limits, .arena_bytes = 1 << 20};
    const limner_options options = {.size = sizeof options, .threads = 1, .limits = &limits};
    limner_session *session = session_with(&b, &options);
    static float data[1000];
    int64_t count = 1000;
    limner_tensor inputs[] = {{.name = "n", .type = LIMNER_INT64, .data = &count, .bytes = sizeof count},
                              floats(data, 1000)};
    inputs[1].name = "x";
    limner_tensor output = {.name = "y"};
    limner_error error;
    assert_int_equal(limner_session_run(session, inputs, 2, &output, 1, &error), LIMNER_LIMIT);
    count = 100;
    run_model(session, inputs, 2, &output, 1);
    assert_int_equal(output.dims[0], 100);
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    limner_session_get_info(session, &info);
    assert_true(info.held_bytes >= 100 * sizeof data);
    limner_session_trim(session);
    limner_session_get_info(session, &info);
    assert_true(info.held_bytes < sizeof data);
    limner_session_close(session);
}

/* ---- optionals and maps ---- */

static void optionals(void **state) {
    (void)state;
    struct builder b = build_start(18);
    boxed_input(&b, "o", DTYPE_OPTIONAL, &floats_type);
    build_node(&b, "OptionalHasElement", "o", "has");
    build_node(&b, "Identity", "o", "same");
    build_output(&b, "has");
    build_output(&b, "same");
    limner_session *session = session_of(&b);
    float a[] = {1, 2};
    limner_tensor items[] = {floats(a, 2)}, sequence = list("o", LIMNER_SEQUENCE, items, 1);
    const limner_tensor given[] = {list("o", LIMNER_OPTIONAL, NULL, 0), list("o", LIMNER_OPTIONAL, &sequence, 1),
                                   sequence}; /* which need not be wrapped */
    for (size_t i = 0; i < COUNT(given); i++) {
        limner_tensor outputs[] = {{.name = "has"}, {.name = "same"}};
        run_model(session, &given[i], 1, outputs, 2);
        assert_int_equal(*(unsigned char *)outputs[0].data, i > 0);
        assert_int_equal(outputs[1].type, LIMNER_OPTIONAL);
        assert_int_equal(outputs[1].dims[0], i > 0);
        if (i > 0)
            same_floats(((limner_tensor *)outputs[1].data)->data, a, 2);
    }
    limner_tensor wrong = items[0];
    wrong.name = "o";
    expect_refusal(session, &wrong, LIMNER_INVALID_ARGUMENT, "is of type float, expected sequence");
    limner_session_close(session);
}

static void maps(void **state) {
    (void)state;
    struct builder b = build_start(18);
    boxed_input(&b, "m", DTYPE_MAP, &float_type);
    build_node(&b, "Identity", "m", "y");
    build_output(&b, "y");
    limner_session *session = session_of(&b);
    limner_string words[] = {{"one", 3}, {"two", 3}};
    float values[] = {1, 2};
    limner_tensor parts[] = {strings(NULL, words, 2), floats(values, 2)}, input = list("m", LIMNER_MAP, parts, 2);
    limner_tensor output = {.name = "y"};
    run_model(session, &input, 1, &output, 1);
    words[0].length = 0;
    same_string(output.data, 0, "one", 3);
    same_floats((limner_tensor *)output.data + 1, values, 2);
    parts[1].dims[0] = 1;
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "keys and values are no lists of one length");
    input.dims[0] = 1;
    expect_refusal(session, &input, LIMNER_INVALID_ARGUMENT, "must have rank 1");
    limner_session_close(session);
}

/* ---- pictures in models ---- */

static limner_status two_pixels(void *context, const void *data, size_t bytes, limner_image *image,
                                limner_error *error) {
    const limner_status code = *(limner_status *)context;
    if (code != LIMNER_OK) {
        strcpy(error->message, "as asked");
        return code;
    }
    assert_int_equal(bytes, 1);
    image->width = 2;
    image->height = 1;
    image->samples = malloc(6);
    assert_non_null(image->samples);
    for (int i = 0; i < 6; i++)
        image->samples[i] = (unsigned char)(10 * i + *(const unsigned char *)data);
    return LIMNER_OK;
}

static void pictures_in_models(void **state) {
    (void)state;
    limner_status code = LIMNER_OK;
    for (int with = 0; with < 2; with++) {
        struct builder b = build_start(20);
        build_input(&b, "x", DTYPE_UINT8, "?");
        build_node(&b, "ImageDecoder", "x", "y");
        build_attribute_text(&b, "pixel_format", "BGR");
        build_output(&b, "y");
        limner_options options = LIMNER_OPTIONS_INIT;
        options.image_decoder = with ? two_pixels : NULL;
        options.image_context = &code;
        limner_session *session = session_with(&b, &options);
        unsigned char byte = 5;
        const limner_tensor input = {
            .name = "x", .type = LIMNER_UINT8, .rank = 1, .dims = {1}, .data = &byte, .bytes = 1};
        limner_tensor output = {.name = "y"};
        if (with) {
            run_model(session, &input, 1, &output, 1);
            assert_int_equal(output.dims[1], 2);
            assert_memory_equal(output.data, ((unsigned char[]){25, 15, 5, 55, 45, 35}), 6);
            code = LIMNER_INVALID_ARGUMENT; /* a damaged picture is an empty one */
            run_model(session, &input, 1, &output, 1);
            assert_int_equal(output.bytes, 0);
            code = LIMNER_UNSUPPORTED;
            expect_refusal(session, &input, LIMNER_UNSUPPORTED, "as asked");
        } else {
            expect_refusal(session, &input, LIMNER_UNSUPPORTED, "limner_options.image_decoder");
        }
        limner_session_close(session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_go_in_and_out),
        cmocka_unit_test(strings_into_own_memory),
        cmocka_unit_test(strings_that_pass_through),
        cmocka_unit_test(strings_are_checked),
        cmocka_unit_test(strings_are_limited),
        cmocka_unit_test(sequences_go_in_and_out),
        cmocka_unit_test(sequences_are_checked),
        cmocka_unit_test(sequences_in_loops),
        cmocka_unit_test(sequences_are_limited),
        cmocka_unit_test(optionals),
        cmocka_unit_test(maps),
        cmocka_unit_test(pictures_in_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
