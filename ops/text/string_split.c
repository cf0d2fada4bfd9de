/* StringSplit (ONNX 20): strings cut at a delimiter, or at white space. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/text/strings.h"

#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

struct split {
    struct text delimiter; /* empty: white space */
    int64_t most;          /* cuts */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct split *split = params;
    (void)call;
    if (attribute_text(attributes, "delimiter", NULL))
        split->delimiter = node_attribute(attributes->node, "delimiter")->s;
    split->most = attribute_int(attributes, "maxsplit", INT64_MAX);
    if (split->most < 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"maxsplit\" is %lld, expected 0 or more",
                    (long long)split->most);
    return STATUS_OK;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What is left of a string; the pieces come out of it one by one. */
struct rest {
    const char *at, *end;
    int64_t cuts;
    bool over;
};

static struct text last_piece(struct rest *rest, const char *end) {
    rest->over = true;
    return (struct text){rest->at, (size_t)(end - rest->at)};
}

static bool next_word(struct rest *rest, int64_t most, struct text *piece) {
    while (rest->at < rest->end && is_space(*rest->at))
        rest->at++;
    if (rest->over || rest->at == rest->end)
        return false;
    const char *end = rest->at;
    if (rest->cuts == most) {
        for (end = rest->end; is_space(end[-1]);)
            end--;
        *piece = last_piece(rest, end);
        return true;
    }
    while (end < rest->end && !is_space(*end))
        end++;
    *piece = (struct text){rest->at, (size_t)(end - rest->at)};
    rest->at = end;
    rest->cuts++;
    return true;
}

/* Where the delimiter stands next; NULL where it does not. */
static const char *find(const char *at, const char *end, struct text delimiter) {
    for (; (size_t)(end - at) >= delimiter.length; at++) {
        at = memchr(at, delimiter.bytes[0], (size_t)(end - at) - delimiter.length + 1);
        if (!at || memcmp(at, delimiter.bytes, delimiter.length) == 0)
            return at;
    }
    return NULL;
}

static bool next_part(struct rest *rest, const struct split *split, struct text *piece) {
    if (rest->over)
        return false;
    const char *cut = rest->cuts < split->most ? find(rest->at, rest->end, split->delimiter) : NULL;
    if (!cut) {
        *piece = last_piece(rest, rest->end);
        return true;
    }
    *piece = (struct text){rest->at, (size_t)(cut - rest->at)};
    rest->at = cut + split->delimiter.length;
    rest->cuts++;
    return true;
}

static bool next_piece(struct rest *rest, const struct split *split, struct text *piece) {
    return split->delimiter.length == 0 ? next_word(rest, split->most, piece) : next_part(rest, split, piece);
}

static struct rest whole(struct text text) {
    return (struct rest){.at = text.bytes, .end = text.bytes + text.length};
}

static int64_t count_pieces(struct text text, const struct split *split) {
    struct rest rest = whole(text);
    struct text piece;
    int64_t count = 0;
    while (next_piece(&rest, split, &piece))
        count++;
    return count;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    const struct text *texts = x->data;
    struct shape shape = x->shape;
    int64_t most = 0;
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    for (int64_t i = 0, all = tensor_elements(x); i < all; i++) {
        const int64_t count = count_pieces(texts[i], call->params);
        most = count > most ? count : most;
    }
    if (shape.rank == MAX_RANK)
        return fail(err, STATUS_LIMIT, "rank %d, at most %d are possible", shape.rank + 1, MAX_RANK);
    shape.dims[shape.rank++] = most;
    if (op_output(call, 0) && tensor_describe(call->outputs[0], DTYPE_STRING, &shape, err) != STATUS_OK)
        return err->code;
    return op_output(call, 1) ? tensor_describe(call->outputs[1], DTYPE_INT64, &x->shape, err) : STATUS_OK;
}

/* Pieces are parts of the strings that they were cut from; those live as long as a run, but for what boxes have. */
static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    const struct text *texts = x->data;
    const int64_t count = tensor_elements(x);
    struct tensor *y = op_output(call, 0), *z = op_output(call, 1);
    const int64_t wide = y && y->shape.rank > 0 ? y->shape.dims[y->shape.rank - 1] : 0;
    (void)err;
    for (int64_t i = 0; i < count; i++) {
        struct rest rest = whole(texts[i]);
        struct text piece;
        int64_t found = 0;
        for (; next_piece(&rest, call->params, &piece); found++)
            if (y)
                ((struct text *)y->data)[i * wide + found] = piece;
        for (int64_t k = found; k < wide; k++)
            ((struct text *)y->data)[i * wide + k] = (struct text){"", 0};
        if (z)
            ((int64_t *)z->data)[i] = found;
    }
    return STATUS_OK;
}

const struct op ops_string_split[] = {
    {.name = "StringSplit",
     .domain = "",
     .since = 20,
     .inputs = (const struct op_arg[]){{"X", TYPE(DTYPE_STRING), 0}, {0}},
     .outputs =
         (const struct op_arg[]){{"Y", TYPE(DTYPE_STRING), ARG_OPTIONAL}, {"Z", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}},
     .params_size = sizeof(struct split),
     .facts = &facts,
     .parse = parse,
     .infer = infer,
     .run = run},
    {0}};
