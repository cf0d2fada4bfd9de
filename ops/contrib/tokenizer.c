/*
 * onnxruntime's Tokenizer (com.microsoft 1), which sklearn-onnx writes: strings become rows of tokens, as long as the
 * longest. A token is a match of one regular expression, or what lies between matches of others, or a character.
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/text/regex.h"
#include "ops/text/regex_match.h"
#include "ops/text/strings.h"
#include "ops/text/utf8.h"

#define MOST_SEPARATORS 256

static const struct op_facts facts = {.reach = op_reach_unknown};

struct tokenizer {
    const struct text *patterns; /* separators, or the one of a token */
    size_t count;                /* 0: tokens are characters */
    bool matches;                /* tokens are what matches */
    bool mark;
    int64_t least; /* characters of a token */
    struct text pad;
};

/* The patterns compiled, and what finding them needs. */
struct cutter {
    const struct tokenizer *params;
    struct pool *pool;
    struct regex **regexes;
    void *workspace;
};

static void cutter_close(struct cutter *cutter) {
    pool_destroy(cutter->pool);
    cutter->pool = NULL;
}

/* Closed again on failure. */
static status cutter_open(const struct tokenizer *params, struct cutter *cutter, struct error *err) {
    size_t bytes = 1;
    *cutter = (struct cutter){.params = params, .pool = pool_create()};
    if (cutter->pool)
        cutter->regexes = pool_array(cutter->pool, params->count + 1, sizeof(struct regex *));
    status code = cutter->regexes ? STATUS_OK : fail_memory(err, "patterns");
    for (size_t i = 0; i < params->count && code == STATUS_OK; i++) {
        const struct text pattern = params->patterns[i];
        code = regex_compile(pattern.bytes, pattern.length, cutter->pool, &cutter->regexes[i], err);
        if (code == STATUS_OK && regex_find_workspace(cutter->regexes[i]) > bytes)
            bytes = regex_find_workspace(cutter->regexes[i]);
    }
    if (code == STATUS_OK && !(cutter->workspace = pool_alloc(cutter->pool, bytes)))
        code = fail_memory(err, "patterns");
    if (code != STATUS_OK)
        cutter_close(cutter);
    return code;
}

/* ---- attributes ---- */

static status read_patterns(struct attributes *attributes, struct tokenizer *t, struct error *err) {
    t->patterns = attribute_texts(attributes, "separators", &t->count);
    const bool apart = t->patterns != NULL;
    if (attribute_text(attributes, "tokenexp", NULL)) {
        t->matches = true;
        t->count = 1;
        t->patterns = &node_attribute(attributes->node, "tokenexp")->s;
    }
    if (apart == t->matches)
        return fail(err, STATUS_INVALID_MODEL, "expected one of the attributes \"separators\" and \"tokenexp\"");
    if (t->count > MOST_SEPARATORS)
        return fail(err, STATUS_LIMIT, "attribute \"separators\" has %zu texts, at most %d are possible", t->count,
                    MOST_SEPARATORS);
    if (apart && t->count == 1 && t->patterns[0].length == 0)
        t->count = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->patterns[i].length == 0)
            return fail(err, STATUS_INVALID_MODEL, "pattern %zu is empty", i);
    return STATUS_OK;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct tokenizer *t = params;
    struct cutter cutter; /* whether the patterns are good is said at load */
    (void)call;
    t->mark = attribute_int(attributes, "mark", 0) != 0;
    t->least = attribute_int(attributes, "mincharnum", 1);
    t->pad = (struct text){"", 0};
    if (attribute_text(attributes, "pad_value", NULL))
        t->pad = node_attribute(attributes->node, "pad_value")->s;
    status code = read_patterns(attributes, t, err);
    if (code == STATUS_OK && (t->least < 1 || (t->count == 0 && t->least > 1)))
        code = fail(err, STATUS_INVALID_MODEL, "attribute \"mincharnum\" is %lld, expected 1%s", (long long)t->least,
                    t->count == 0 ? "" : " or more");
    if (code == STATUS_OK)
        code = cutter_open(t, &cutter, err);
    if (code == STATUS_OK)
        cutter_close(&cutter);
    return code;
}

/* ---- tokens ---- */

/* Where tokens go; `to` NULL: they are counted. */
struct tokens {
    struct text *to;
    int64_t count;
};

static void put(struct tokens *tokens, struct text token) {
    if (tokens->to)
        tokens->to[tokens->count] = token;
    tokens->count++;
}

static struct text part(struct text text, size_t begin, size_t end) {
    return (struct text){text.bytes + begin, end - begin};
}

static int64_t characters(struct text text) {
    int64_t count = 0;
    for (size_t at = 0; at < text.length; count++)
        utf8_read(text.bytes, text.length, &at);
    return count;
}

/* Behind the character at `at`, or past the end. */
static size_t behind(struct text text, size_t at) {
    if (at < text.length)
        utf8_read(text.bytes, text.length, &at);
    else
        at = text.length + 1;
    return at;
}

static void cut_characters(struct text text, struct tokens *tokens) {
    for (size_t at = 0, begin = 0; at < text.length; begin = at) {
        utf8_read(text.bytes, text.length, &at);
        put(tokens, part(text, begin, at));
    }
}

static bool find(const struct cutter *cutter, size_t pattern, struct text text, size_t from, size_t *begin,
                 size_t *end) {
    return from <= text.length &&
           regex_find(cutter->regexes[pattern], text.bytes, text.length, from, begin, end, cutter->workspace);
}

/* A match that is too short is looked into once more, from its second character on. */
static void cut_matches(const struct cutter *cutter, struct text text, struct tokens *tokens) {
    size_t from = 0, begin, end;
    while (find(cutter, 0, text, from, &begin, &end)) {
        const struct text token = part(text, begin, end);
        const bool long_enough = characters(token) >= cutter->params->least;
        if (long_enough)
            put(tokens, token);
        from = long_enough ? end : behind(text, begin);
    }
}

/* What the separators from this one on leave of the text; there are at most MOST_SEPARATORS. */
static void cut_apart(const struct cutter *cutter, size_t separator, struct text text, struct tokens *tokens) {
    size_t from = 0, begin = 0, end = 0;
    if (separator == cutter->params->count) {
        put(tokens, text);
        return;
    }
    for (bool more = true; more;) {
        more = find(cutter, separator, text, from, &begin, &end);
        const struct text piece = part(text, from < text.length ? from : text.length, more ? begin : text.length);
        if (characters(piece) >= cutter->params->least)
            cut_apart(cutter, separator + 1, piece, tokens);
        from = end > begin ? end : behind(text, begin);
    }
}

static void cut(const struct cutter *cutter, struct text text, struct tokens *tokens) {
    if (cutter->params->count == 0)
        cut_characters(text, tokens);
    else if (cutter->params->matches)
        cut_matches(cutter, text, tokens);
    else
        cut_apart(cutter, 0, text, tokens);
}

/* ---- the operator ---- */

static status check_text(struct text text, int64_t i, struct error *err) {
    for (size_t at = 0; at < text.length;)
        if (utf8_read(text.bytes, text.length, &at) < 0)
            return fail(err, STATUS_INVALID_ARGUMENT, "string %lld of input 0 (X) is no UTF-8", (long long)i);
    return STATUS_OK;
}

static status count_tokens(const struct op_call *call, int64_t *most, struct error *err) {
    const struct tensor *x = call->inputs[0];
    const struct text *texts = x->data;
    struct cutter cutter;
    status code = cutter_open(call->params, &cutter, err);
    *most = 0;
    for (int64_t i = 0, count = tensor_elements(x); i < count && code == STATUS_OK; i++) {
        struct tokens tokens = {NULL, 0};
        code = check_text(texts[i], i, err);
        if (code == STATUS_OK)
            cut(&cutter, texts[i], &tokens);
        *most = tokens.count > *most ? tokens.count : *most;
    }
    if (cutter.pool)
        cutter_close(&cutter);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    struct shape shape = call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t most;
    if (shape.rank != 1 && shape.rank != 2)
        return fail(err, STATUS_SHAPE, "input 0 (X) has shape %s, expected [C] or [N,C]", shape_text(&shape, text));
    if (op_unknown(call, 0))
        return op_needs(call, 0, err);
    const status code = count_tokens(call, &most, err);
    if (code != STATUS_OK)
        return code;
    if (tensor_elements(call->inputs[0]) > 0)
        shape.dims[shape.rank++] = most + (((const struct tokenizer *)call->params)->mark && most > 0 ? 2 : 0);
    return tensor_describe(call->outputs[0], DTYPE_STRING, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    *workspace_bytes = 0;
    return cutter_open(call->params, call->state, err);
}

static void release(struct op_call *call) {
    cutter_close(call->state);
}

/* Tokens are parts of the strings that they were cut from, which live as long. */
static status run(struct op_call *call, struct error *err) {
    static const struct text start = {"\x02", 1}, stop = {"\x03", 1};
    const struct tokenizer *t = call->params;
    const struct text *texts = call->inputs[0]->data;
    const struct shape *shape = &call->outputs[0]->shape;
    const int64_t rows = tensor_elements(call->inputs[0]), wide = shape->dims[shape->rank - 1];
    (void)err;
    for (int64_t i = 0; i < rows && wide > 0; i++) {
        struct tokens tokens = {(struct text *)call->outputs[0]->data + i * wide, 0};
        if (t->mark)
            put(&tokens, start);
        cut(call->state, texts[i], &tokens);
        if (t->mark)
            put(&tokens, stop);
        while (tokens.count < wide)
            put(&tokens, t->pad);
    }
    return STATUS_OK;
}

const struct op ops_tokenizer[] = {{.name = "Tokenizer",
                                    .domain = "com.microsoft",
                                    .since = 1,
                                    .inputs = (const struct op_arg[]){{"X", TYPE(DTYPE_STRING), ARG_T}, {0}},
                                    .outputs = (const struct op_arg[]){{"Y", TYPE(DTYPE_STRING), ARG_T}, {0}},
                                    .params_size = sizeof(struct tokenizer),
                                    .state_size = sizeof(struct cutter),
                                    .facts = &facts,
                                    .parse = parse,
                                    .infer = infer,
                                    .prepare = prepare,
                                    .run = run,
                                    .release = release},
                                   {0}};
