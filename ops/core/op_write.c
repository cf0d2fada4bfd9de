#include "ops/core/op_write.h"

#include "ops/core/attributes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BYTES 1024 /* of a text */
#define WRITE_MOST 16    /* outputs, numbers of a list */

/* A text on its way, and the node that is being made. */
struct writing {
    struct op_writer *writer;
    const char *at;
    bool ok; /* there was memory so far */
};

static char peek(struct writing *w) {
    while (*w->at == ' ' || *w->at == ',' || *w->at == ';' || *w->at == '\n')
        w->at++;
    return *w->at;
}

static bool take(struct writing *w, char c) {
    const bool found = peek(w) == c;
    w->at += found;
    return found;
}

static const char *word(struct writing *w) {
    const char *begin = w->at;
    while (isalnum((unsigned char)*w->at) || *w->at == '_' || *w->at == '#' || *w->at == '>')
        w->at++;
    const char *text = pool_string(w->writer->pool, begin, (size_t)(w->at - begin));
    w->ok = w->ok && text;
    return text ? text : "";
}

static bool number_comes(struct writing *w) {
    const char c = peek(w);
    return isdigit((unsigned char)c) || (c == '-' && isdigit((unsigned char)w->at[1]));
}

/* A number, a list, or a word, as an attribute. */
static struct attribute read_value(struct writing *w, const char *name) {
    struct attribute attribute = {.name = name, .type = ATTRIBUTE_INT, .count = 1};
    char *end;
    if (take(w, '[')) {
        int64_t *list = pool_array(w->writer->pool, WRITE_MOST, sizeof *list);
        w->ok = w->ok && list;
        attribute.type = ATTRIBUTE_INTS;
        for (attribute.count = 0; !take(w, ']'); w->at = end) {
            const int64_t number = strtoll(w->at, &end, 10);
            if (list && attribute.count < WRITE_MOST)
                list[attribute.count++] = number;
        }
        attribute.ints = list;
    } else if (number_comes(w)) {
        const double real = strtod(w->at, &end);
        attribute.i = strtoll(w->at, NULL, 10);
        if (*end == 'f') {
            attribute.type = ATTRIBUTE_FLOAT;
            attribute.f = (float)real;
            end++;
        }
        w->at = end;
    } else {
        const char *text = word(w);
        attribute.type = ATTRIBUTE_STRING;
        attribute.s = (struct text){text, strlen(text)};
    }
    return attribute;
}

static bool is_own(const struct op_writer *writer, const char *name) {
    for (int i = 0; writer->own && writer->own[i]; i++)
        if (strcmp(writer->own[i], name) == 0)
            return true;
    return false;
}

static void read_attributes(struct writing *w, struct node *node) {
    const struct node *from = w->writer->call->node;
    node->attributes = w->writer->attributes;
    if (!take(w, '{'))
        return;
    while (w->ok && !take(w, '}')) {
        if (!take(w, '*')) {
            const char *name = word(w);
            w->at++; /* = */
            node->attributes[node->attribute_count++] = read_value(w, name);
            continue;
        }
        for (int i = 0; i < from->attribute_count; i++)
            if (!is_own(w->writer, from->attributes[i].name))
                node->attributes[node->attribute_count++] = from->attributes[i];
    }
}

/* ---- values ---- */

static int new_value(struct writing *w, const char *name) {
    struct op_writer *writer = w->writer;
    const char *full = pool_format(writer->pool, "%s %s", writer->call->op->name, name);
    const int value = full ? writer->add_value(writer->context, full) : NO_VALUE;
    w->ok = w->ok && value != NO_VALUE;
    return value;
}

/* A later name hides an earlier one. */
static void know(struct writing *w, const char *name, int value) {
    struct op_writer *writer = w->writer;
    if (writer->name_count < writer->name_capacity)
        writer->names[writer->name_count++] = (struct written_name){name, value};
    else
        w->ok = false;
}

static int known(struct writing *w, const char *name) {
    const struct node *node = w->writer->call->node;
    if (name[0] == '#') {
        const int i = atoi(name + 1);
        return i < node_arguments(node) ? node->inputs[i] : NO_VALUE;
    }
    for (int i = w->writer->name_count; i-- > 0;)
        if (strcmp(w->writer->names[i].name, name) == 0)
            return w->writer->names[i].value;
    w->ok = false; /* which no text does */
    return NO_VALUE;
}

/* Where a statement's output goes. */
static int target(struct writing *w, const char *name) {
    const struct node *node = w->writer->call->node;
    if (name[0] == '>') {
        const int i = atoi(name + 1);
        return i < node->output_count ? node->outputs[i] : NO_VALUE;
    }
    const int value = name[0] == '_' ? NO_VALUE : new_value(w, name);
    if (value != NO_VALUE)
        know(w, name, value);
    return value;
}

static struct node new_node(const struct writing *w, const char *op_type) {
    return (struct node){
        .name = w->writer->call->node->name, .op_type = op_type, .domain = "", .overload = "", .opset = WRITE_OPSET};
}

static void *copied(struct writing *w, const void *list, int count, size_t size) {
    void *copy = pool_array(w->writer->pool, (size_t)count + 1, size);
    w->ok = w->ok && copy;
    if (copy && count > 0)
        memcpy(copy, list, (size_t)count * size);
    return copy;
}

/* With lists of its own. */
static void add(struct writing *w, struct node node) {
    node.inputs = copied(w, node.inputs, node.input_count, sizeof *node.inputs);
    node.outputs = copied(w, node.outputs, node.output_count, sizeof *node.outputs);
    node.attributes = copied(w, node.attributes, node.attribute_count, sizeof *node.attributes);
    w->ok = w->ok && w->writer->add_node(w->writer->context, &node);
}

static int constant(struct writing *w) {
    struct node node = new_node(w, "Constant");
    struct attribute value = read_value(w, "value_int");
    if (value.type != ATTRIBUTE_INT)
        value.name = value.type == ATTRIBUTE_FLOAT ? "value_float" : "value_ints";
    int output = new_value(w, "constant");
    if (!w->ok)
        return NO_VALUE;
    node.attributes = &value;
    node.outputs = &output;
    node.attribute_count = node.output_count = 1;
    add(w, node);
    return output;
}

static int read_input(struct writing *w) {
    if (number_comes(w) || *w->at == '[')
        return constant(w);
    return take(w, '-') ? NO_VALUE : known(w, word(w));
}

/* Inputs up to the closing bracket; `d*` is all names with that letter. */
static void read_inputs(struct writing *w, struct node *node) {
    while (w->ok && !take(w, ')')) {
        if (w->at[1] != '*') {
            const int input = read_input(w);
            node->inputs[node->input_count++] = input;
            continue;
        }
        for (int i = 0; i < w->writer->name_count; i++)
            if (w->writer->names[i].name[0] == *w->at)
                node->inputs[node->input_count++] = w->writer->names[i].value;
        w->at += 2;
    }
}

/* ---- statements ---- */

static const char *const domains[] = {"", "com.microsoft", INTERNAL_DOMAIN};

static void read_operator(struct writing *w, struct node *node) {
    const int domain = take(w, '@') ? 1 : take(w, '!') ? 2 : 0;
    node->domain = domains[domain];
    node->op_type = word(w);
    if (domain)
        node->opset = 1;
    if (take(w, ':')) {
        char *end;
        node->opset = strtoll(w->at, &end, 10);
        w->at = end;
    }
}

/* y = &name(x) */
static void graph(struct writing *w, const char *output) {
    const char *name = word(w);
    w->at++; /* ( */
    const int given = read_input(w);
    if (!w->ok)
        return;
    const int value = w->writer->add_graph(w->writer->context, name, given);
    w->ok = w->ok && value != NO_VALUE;
    take(w, ')');
    know(w, output, value);
}

static void statement(struct writing *w) {
    const char *outputs[WRITE_MOST] = {0};
    int values[WRITE_MOST];
    struct node node = new_node(w, "");
    int count = 0;
    while (w->ok && count < WRITE_MOST && !take(w, '='))
        outputs[count++] = word(w);
    if (w->ok && take(w, '&')) {
        graph(w, outputs[0]);
        return;
    }
    peek(w);
    node.inputs = w->writer->inputs;
    node.outputs = values;
    read_operator(w, &node);
    read_attributes(w, &node);
    take(w, '(');
    read_inputs(w, &node);
    while (w->ok && node.output_count < count) {
        const int output = target(w, outputs[node.output_count]);
        node.outputs[node.output_count++] = output;
    }
    while (node.input_count > 0 && node.inputs[node.input_count - 1] == NO_VALUE)
        node.input_count--;
    add(w, node);
}

status op_write(struct op_writer *writer, struct error *err, const char *format, ...) {
    char text[WRITE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct writing w = {writer, text, length >= 0 && (size_t)length < sizeof text};
    while (w.ok && peek(&w))
        statement(&w);
    return w.ok ? STATUS_OK : fail_memory(err, "a node that stands for others");
}

void op_write_later(struct attributes *attributes, const char *names) {
    char name[64];
    for (int length; sscanf(names, " %63[^ ]%n", name, &length) == 1; names += length)
        attribute_ignore(attributes, name);
}

status op_text_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)params, (void)err;
    op_write_later(attributes, ((const struct op_text *)call->op->row)->attributes);
    return STATUS_OK;
}

status op_text_expand(struct op_writer *writer, struct error *err) {
    return op_write(writer, err, "%s", ((const struct op_text *)writer->call->op->row)->text);
}

status op_expanded(struct op_call *call, struct error *err) {
    (void)call;
    return fail(err, STATUS_UNSUPPORTED, "the operator has not been replaced by those that it stands for");
}
