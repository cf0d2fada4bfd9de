/* StringNormalizer (ONNX 10): words that are left out, and the case of the others. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/text/strings.h"
#include "ops/text/utf8.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

enum change { CHANGE_NONE, CHANGE_LOWER, CHANGE_UPPER };

struct normalizer {
    enum change change;
    bool sees_case;
    const struct text *stopwords;
    size_t stopword_count;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const changes[] = {"NONE", "LOWER", "UPPER", NULL};
    struct normalizer *n = params;
    (void)call, (void)err;
    n->change = (enum change)attribute_choice(attributes, "case_change_action", changes, CHANGE_NONE);
    n->sees_case = attribute_int(attributes, "is_case_sensitive", 0) != 0;
    n->stopwords = attribute_texts(attributes, "stopwords", &n->stopword_count);
    attribute_ignore(attributes, "locale"); /* letters change as Unicode has them */
    return STATUS_OK;
}

/* ---- the case of letters ---- */

/* The letters of Unicode; 0 where the system does not know them. */
static locale_t open_letters(void) {
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const locale_t letters = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
        if (letters)
            return letters;
    }
    return (locale_t)0;
}

static int32_t change_code(int32_t code, enum change change, locale_t letters) {
    if (code < 0x80 && change == CHANGE_LOWER)
        return code >= 'A' && code <= 'Z' ? code + 32 : code;
    if (code < 0x80)
        return code >= 'a' && code <= 'z' ? code - 32 : code;
    return (int32_t)(change == CHANGE_LOWER ? towlower_l((wint_t)code, letters) : towupper_l((wint_t)code, letters));
}

/* The text with its letters changed. */
static status change_text(const struct op_call *call, struct text text, enum change change, locale_t letters,
                          struct text *out, struct error *err) {
    char *to;
    *out = text;
    if (change == CHANGE_NONE)
        return STATUS_OK;
    if (heap_text(call->heap, 4 * text.length, &to, err) != STATUS_OK)
        return err->code;
    *out = (struct text){to, 0};
    for (size_t at = 0; at < text.length;) {
        const int32_t code = utf8_read(text.bytes, text.length, &at);
        if (code < 0)
            return fail(err, STATUS_INVALID_ARGUMENT, "a string is no UTF-8");
        if (code > 0x7f && !letters)
            return fail(err, STATUS_UNSUPPORTED, "this system does not know letters beyond ASCII");
        out->length += utf8_write(change_code(code, change, letters), to + out->length);
    }
    return STATUS_OK;
}

/* ---- stop words ---- */

static bool is_stopword(const struct normalizer *n, const struct text *stopwords, struct text text) {
    for (size_t i = 0; i < n->stopword_count; i++)
        if (text_equal(stopwords[i], text))
            return true;
    return false;
}

struct work {
    const struct op_call *call;
    locale_t letters;
    struct text *stopwords; /* as they are compared */
};

/* Words are compared in lower case where the case does not matter. */
static enum change compared(const struct normalizer *n) {
    return n->sees_case || n->stopword_count == 0 ? CHANGE_NONE : CHANGE_LOWER;
}

static status start(struct work *work, struct error *err) {
    const struct normalizer *n = work->call->params;
    char *memory;
    if (heap_text(work->call->heap, (n->stopword_count + 1) * sizeof *work->stopwords, &memory, err) != STATUS_OK)
        return err->code;
    work->stopwords = (struct text *)(void *)memory;
    for (size_t i = 0; i < n->stopword_count; i++)
        if (change_text(work->call, n->stopwords[i], compared(n), work->letters, &work->stopwords[i], err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

/* Counts the words that stay, and writes them where `to` is not NULL. */
static status keep(struct work *work, struct text *to, int64_t *kept, struct error *err) {
    const struct normalizer *n = work->call->params;
    const struct tensor *x = work->call->inputs[0];
    *kept = 0;
    for (int64_t i = 0, count = tensor_elements(x); i < count; i++) {
        const struct text text = ((const struct text *)x->data)[i];
        struct text seen;
        if (change_text(work->call, text, compared(n), work->letters, &seen, err) != STATUS_OK)
            return err->code;
        if (is_stopword(n, work->stopwords, seen))
            continue;
        if (to && change_text(work->call, text, n->change, work->letters, &to[*kept], err) != STATUS_OK)
            return err->code;
        ++*kept;
    }
    return STATUS_OK;
}

static status go_through(const struct op_call *call, struct text *to, int64_t *kept, struct error *err) {
    struct work work = {.call = call, .letters = open_letters()};
    status code = start(&work, err);
    if (code == STATUS_OK)
        code = keep(&work, to, kept, err);
    if (work.letters)
        freelocale(work.letters);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct shape shape = x->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t kept = 0;
    if (!(shape.rank == 1 || (shape.rank == 2 && shape.dims[0] == 1)))
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [C] or [1,C]", shape_text(&shape, text));
    if (op_unknown(call, 0) || !call->heap)
        return op_needs(call, 0, err);
    if (go_through(call, NULL, &kept, err) != STATUS_OK)
        return err->code;
    shape.dims[shape.rank - 1] = kept > 0 ? kept : 1; /* one empty string in the place of none */
    return tensor_describe(call->outputs[0], DTYPE_STRING, &shape, err);
}

static status run(struct op_call *call, struct error *err) {
    struct text *to = call->outputs[0]->data;
    int64_t kept = 0;
    const status code = go_through(call, to, &kept, err);
    if (kept == 0)
        to[0] = (struct text){"", 0};
    return code;
}

const struct op ops_string_normalizer[] = {{.name = "StringNormalizer",
                                            .domain = "",
                                            .since = 10,
                                            .inputs = (const struct op_arg[]){{"X", TYPE(DTYPE_STRING), 0}, {0}},
                                            .outputs = (const struct op_arg[]){{"Y", TYPE(DTYPE_STRING), 0}, {0}},
                                            .params_size = sizeof(struct normalizer),
                                            .facts = &facts,
                                            .parse = parse,
                                            .infer = infer,
                                            .run = run},
                                           {0}};
