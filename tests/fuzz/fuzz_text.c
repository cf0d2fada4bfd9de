/*
 * Operators on strings, through a session: whatever the strings are, a run ends with a status, and results can be read.
 * The first byte chooses the operator, the second what it is told; the rest, cut at zeros, is the strings, of which the
 * first is also its delimiter, stop word, pattern or key.
 */
#include "onnx.pb-c.h"
#include "runtime/limner.h"

#include <stdlib.h>
#include <string.h>

#define MOST_STRINGS 64
#define MOST_ATTRIBUTES 8
#define MOST_BYTES 512 /* of a string: patterns take the product of both lengths */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

/* ---- a model of one node, of its parts on the stack ---- */

struct network {
    Onnx__NodeProto node;
    Onnx__AttributeProto attributes[MOST_ATTRIBUTES], *list[MOST_ATTRIBUTES];
    ProtobufCBinaryData first[3]; /* the first string, as often as attributes want it */
    unsigned choice;              /* the second byte */
    int inputs, outputs;
};

static Onnx__AttributeProto *attribute(struct network *n, char *name, Onnx__AttributeProto__AttributeType type) {
    const size_t i = n->node.n_attribute++;
    require(i < MOST_ATTRIBUTES);
    onnx__attribute_proto__init(&n->attributes[i]);
    n->list[i] = &n->attributes[i];
    n->attributes[i].name = name;
    n->attributes[i].has_type = 1;
    n->attributes[i].type = type;
    return &n->attributes[i];
}

static void number(struct network *n, char *name, int64_t value) {
    Onnx__AttributeProto *made = attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    made->has_i = 1;
    made->i = value;
}

static void numbers(struct network *n, char *name, int64_t *values, size_t count) {
    Onnx__AttributeProto *made = attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    made->ints = values;
    made->n_ints = count;
}

static void string(struct network *n, char *name, ProtobufCBinaryData value) {
    Onnx__AttributeProto *made = attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    made->has_s = 1;
    made->s = value;
}

static void strings(struct network *n, char *name, size_t count) {
    Onnx__AttributeProto *made = attribute(n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    made->strings = n->first;
    made->n_strings = count;
}

/* ---- what the operators are told ---- */

static void tell_normalizer(struct network *n) {
    static char *const actions[] = {"NONE", "LOWER", "UPPER"};
    char *action = actions[n->choice % 3];
    string(n, "case_change_action", (ProtobufCBinaryData){strlen(action), (uint8_t *)action});
    number(n, "is_case_sensitive", n->choice & 1);
    strings(n, "stopwords", 1);
}

static void tell_split(struct network *n) {
    n->outputs = 2;
    if (n->choice & 1)
        string(n, "delimiter", n->first[0]);
    if (n->choice & 2)
        number(n, "maxsplit", n->choice >> 2);
}

static void tell_concat(struct network *n) {
    n->inputs = 2;
}

static void tell_match(struct network *n) {
    string(n, "pattern", n->first[0]);
}

static void tell_cast(struct network *n) {
    number(n, "to", n->choice % 20);
}

/* Grams of one string, and of two. */
static void tell_counting(struct network *n) {
    static int64_t counts[] = {0, 1}, indexes[] = {0, 1};
    static uint8_t mode[] = {'T', 'F'};
    string(n, "mode", (ProtobufCBinaryData){sizeof mode, mode});
    numbers(n, "ngram_counts", counts, 2);
    numbers(n, "ngram_indexes", indexes, 2);
    strings(n, "pool_strings", 3);
    number(n, "min_gram_length", 1);
    number(n, "max_gram_length", 2);
    number(n, "max_skip_count", n->choice % 4);
}

static void tell_labels(struct network *n) {
    static int64_t values[] = {7};
    strings(n, "keys_strings", 1);
    numbers(n, "values_int64s", values, 1);
}

static const struct told_operator {
    char *name, *domain;
    void (*tell)(struct network *n);
} operators[] = {
    {"StringNormalizer", "", tell_normalizer},
    {"StringSplit", "", tell_split},
    {"StringConcat", "", tell_concat},
    {"RegexFullMatch", "", tell_match},
    {"Cast", "", tell_cast},
    {"TfIdfVectorizer", "", tell_counting},
    {"LabelEncoder", "ai.onnx.ml", tell_labels},
};

/* ---- the model as a file, and its run ---- */

static size_t pack(struct network *n, uint8_t **file) {
    static char *names[] = {"x", "x", "y", "z"};
    Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
    Onnx__ValueInfoProto x = ONNX__VALUE_INFO_PROTO__INIT, y = ONNX__VALUE_INFO_PROTO__INIT, z = y;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto set = ONNX__OPERATOR_SET_ID_PROTO__INIT, other = set;
    Onnx__NodeProto *nodes[] = {&n->node};
    Onnx__ValueInfoProto *inputs[] = {&x}, *outputs[] = {&y, &z};
    Onnx__OperatorSetIdProto *sets[] = {&set, &other};
    tensor.has_elem_type = 1;
    tensor.elem_type = LIMNER_STRING;
    type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type.tensor_type = &tensor;
    x.name = names[0];
    x.type = &type;
    y.name = names[2];
    z.name = names[3];
    n->node.input = names;
    n->node.n_input = (size_t)n->inputs;
    n->node.output = names + 2;
    n->node.n_output = (size_t)n->outputs;
    n->node.attribute = n->list;
    graph.name = "g";
    graph.node = nodes;
    graph.n_node = 1;
    graph.input = inputs;
    graph.n_input = 1;
    graph.output = outputs;
    graph.n_output = n->node.n_output;
    set.domain = "";
    other.domain = "ai.onnx.ml";
    set.has_version = other.has_version = model.has_ir_version = 1;
    set.version = 20;
    other.version = 3;
    model.ir_version = 9;
    model.opset_import = sets;
    model.n_opset_import = 2;
    model.graph = &graph;
    *file = malloc(onnx__model_proto__get_packed_size(&model));
    require(*file != NULL);
    return onnx__model_proto__pack(&model, *file);
}

static void read_all(const limner_tensor *tensor) {
    volatile unsigned char byte;
    const limner_string *texts = tensor->data;
    for (size_t k = 0; k < tensor->bytes; k++)
        byte = ((const unsigned char *)tensor->data)[k];
    for (size_t i = 0; tensor->type == LIMNER_STRING && i < tensor->bytes / sizeof *texts; i++)
        for (size_t k = 0; k <= texts[i].length; k++)
            byte = (unsigned char)texts[i].bytes[k];
    (void)byte;
}

static void run(limner_model *model, limner_string *texts, size_t count, size_t output_count) {
    const limner_options options = {.size = sizeof options, .threads = 1};
    const limner_tensor input = {.name = "x",
                                 .type = LIMNER_STRING,
                                 .rank = 1,
                                 .dims = {(int64_t)count},
                                 .data = texts,
                                 .bytes = count * sizeof *texts};
    limner_tensor outputs[2] = {{.name = "y"}, {.name = "z"}};
    limner_session *session = NULL;
    limner_error error;
    require(limner_session_create(model, &options, &session, &error) == LIMNER_OK);
    if (limner_session_run(session, &input, 1, outputs, output_count, &error) == LIMNER_OK)
        for (size_t i = 0; i < output_count; i++)
            read_all(&outputs[i]);
    else
        require(error.message[0] != 0);
    limner_session_close(session);
}

static size_t cut(const uint8_t *data, size_t size, limner_string texts[MOST_STRINGS]) {
    size_t count = 0;
    for (size_t at = 0; at <= size && count < MOST_STRINGS; count++) {
        const uint8_t *zero = at < size ? memchr(data + at, 0, size - at) : NULL;
        const size_t length = (zero ? (size_t)(zero - data) : size) - at;
        texts[count] = (limner_string){(const char *)data + at, length < MOST_BYTES ? length : MOST_BYTES};
        at += length + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct network n = {.inputs = 1, .outputs = 1};
    limner_string texts[MOST_STRINGS];
    limner_model *model;
    limner_error error;
    uint8_t *file;
    if (size < 2)
        return 0;
    const struct told_operator *op = &operators[data[0] % (sizeof operators / sizeof operators[0])];
    const size_t count = cut(data + 2, size - 2, texts);
    onnx__node_proto__init(&n.node);
    n.choice = data[1];
    for (int i = 0; i < 3; i++)
        n.first[i] = (ProtobufCBinaryData){texts[0].length, (uint8_t *)(uintptr_t)texts[0].bytes};
    n.node.op_type = op->name;
    n.node.domain = op->domain;
    op->tell(&n);
    const size_t bytes = pack(&n, &file);
    if (limner_model_load_memory(file, bytes, NULL, NULL, &model, &error) == LIMNER_OK) {
        run(model, texts, count, (size_t)n.outputs);
        limner_model_close(model);
    } else {
        require(error.message[0] != 0);
    }
    free(file);
    return 0;
}
