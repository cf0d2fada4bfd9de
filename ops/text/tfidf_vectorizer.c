/* TfIdfVectorizer (ONNX 9): how often runs of n tokens occur, with gaps. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/text/strings.h"

#include <string.h>

static const struct op_facts facts = {.reach = op_reach_unknown};

enum mode { MODE_TF, MODE_IDF, MODE_TFIDF };

struct vectorizer {
    enum mode mode;
    int64_t least, most, skips; /* lengths of n-grams; the largest gap */
    const int64_t *counts;      /* where the n-grams of each length begin in the pool */
    size_t count_count;
    const int64_t *indexes; /* of the output, by n-gram */
    size_t index_count;
    const int64_t *numbers;
    const struct text *texts; /* one of the two is the pool */
    size_t pool_size;
    const float *weights;
    int64_t width; /* of the output */
};

static status check_pool(const struct vectorizer *v, struct error *err) {
    size_t grams = 0;
    for (size_t i = 0; i < v->count_count; i++) {
        const int64_t from = v->counts[i], to = i + 1 < v->count_count ? v->counts[i + 1] : (int64_t)v->pool_size;
        if (from < 0 || to < from || to > (int64_t)v->pool_size || (to - from) % ((int64_t)i + 1) != 0)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"ngram_counts\" does not cut the pool at %zu", i);
        grams += (size_t)(to - from) / (i + 1);
    }
    return grams == v->index_count
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL,
                      "attribute \"ngram_indexes\" has %zu numbers, the pool has %zu n-grams", v->index_count, grams);
}

#define MOST_WIDE ((int64_t)1 << 31)

static status check_indexes(struct vectorizer *v, struct error *err) {
    for (size_t i = 0; i < v->index_count; i++) {
        if (v->indexes[i] < 0 || v->indexes[i] >= MOST_WIDE)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"ngram_indexes\" has %lld at %zu",
                        (long long)v->indexes[i], i);
        v->width = v->indexes[i] >= v->width ? v->indexes[i] + 1 : v->width;
    }
    return STATUS_OK;
}

static status check(struct vectorizer *v, size_t weights, struct error *err) {
    if (v->least < 1 || v->most < v->least || v->skips < 0)
        return fail(err, STATUS_INVALID_MODEL, "n-grams of %lld to %lld tokens with gaps up to %lld make no sense",
                    (long long)v->least, (long long)v->most, (long long)v->skips);
    if (v->most > (int64_t)v->count_count)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"ngram_counts\" has %zu numbers, expected at least %lld",
                    v->count_count, (long long)v->most);
    if (v->weights && weights != v->index_count)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"weights\" has %zu numbers, expected %zu", weights,
                    v->index_count);
    const status code = check_pool(v, err);
    return code == STATUS_OK ? check_indexes(v, err) : code;
}

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const modes[] = {"TF", "IDF", "TFIDF", NULL};
    struct vectorizer *v = params;
    size_t numbers, texts, weights;
    (void)call;
    v->mode = (enum mode)attribute_choice(attributes, "mode", modes, MODE_TF);
    v->least = attribute_int(attributes, "min_gram_length", 0);
    v->most = attribute_int(attributes, "max_gram_length", 0);
    v->skips = attribute_int(attributes, "max_skip_count", 0);
    v->counts = attribute_int_list(attributes, "ngram_counts", &v->count_count);
    v->indexes = attribute_int_list(attributes, "ngram_indexes", &v->index_count);
    v->numbers = attribute_int_list(attributes, "pool_int64s", &numbers);
    v->texts = attribute_texts(attributes, "pool_strings", &texts);
    v->weights = attribute_floats(attributes, "weights", &weights);
    if (attributes->code != STATUS_OK)
        return attributes->code;
    if ((numbers > 0) == (texts > 0))
        return fail(err, STATUS_INVALID_MODEL, "expected either attribute \"pool_int64s\" or \"pool_strings\"");
    v->pool_size = numbers + texts;
    return check(v, weights, err);
}

static status infer(struct op_call *call, struct error *err) {
    const struct vectorizer *v = call->params;
    const struct tensor *x = call->inputs[0];
    struct shape shape = x->shape;
    char text[SHAPE_TEXT_BYTES];
    if (shape.rank < 1 || shape.rank > 2)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [C] or [N,C]", shape_text(&shape, text));
    if ((x->dtype == DTYPE_STRING) != (v->texts != NULL))
        return fail(err, STATUS_INVALID_MODEL, "input 0 (X) has element type %s, the pool is one of %s",
                    dtype_name(x->dtype), v->texts ? "strings" : "numbers");
    shape.dims[shape.rank - 1] = v->width;
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, &shape, err);
}

/* A row of the input. */
struct tokens {
    const struct vectorizer *v;
    const struct tensor *x;
    int64_t first, count;
};

static bool is_token(const struct tokens *t, int64_t i, size_t pooled) {
    i += t->first;
    if (t->x->dtype == DTYPE_STRING)
        return text_equal(((const struct text *)t->x->data)[i], t->v->texts[pooled]);
    const int64_t number =
        t->x->dtype == DTYPE_INT32 ? ((const int32_t *)t->x->data)[i] : ((const int64_t *)t->x->data)[i];
    return number == t->v->numbers[pooled];
}

/* How often the n-gram occurs with tokens so far apart. */
static int64_t occurrences(const struct tokens *t, size_t pooled, int64_t length, int64_t apart) {
    int64_t found = 0;
    for (int64_t start = 0; start < t->count && (length - 1) <= (t->count - 1 - start) / apart; start++) {
        int64_t i = 0;
        while (i < length && is_token(t, start + i * apart, pooled + (size_t)i))
            i++;
        found += i == length;
    }
    return found;
}

static float value_of(const struct vectorizer *v, size_t gram, int64_t found) {
    const float weight = v->weights ? v->weights[gram] : 1.0f;
    if (v->mode == MODE_TF)
        return (float)found;
    return v->mode == MODE_IDF ? (found > 0 ? weight : 0.0f) : (float)found * weight;
}

static void count_row(const struct tokens *t, float *out) {
    const struct vectorizer *v = t->v;
    size_t gram = 0;
    for (size_t n = 1; n <= v->count_count; n++) {
        const size_t from = (size_t)v->counts[n - 1];
        const size_t to = n < v->count_count ? (size_t)v->counts[n] : v->pool_size;
        const bool counts = (int64_t)n >= v->least && (int64_t)n <= v->most;
        const int64_t skips = n == 1 ? 0 : v->skips < t->count ? v->skips : t->count;
        for (size_t at = from; at < to; at += n, gram++) {
            int64_t found = 0;
            for (int64_t skip = 0; counts && skip <= skips; skip++)
                found += occurrences(t, at, (int64_t)n, skip + 1);
            if (found > 0)
                out[v->indexes[gram]] = value_of(v, gram, found);
        }
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    const struct vectorizer *v = call->params;
    const int64_t rows = x->shape.rank == 2 ? x->shape.dims[0] : 1, columns = x->shape.dims[x->shape.rank - 1];
    (void)err;
    if (y->bytes > 0)
        memset(y->data, 0, y->bytes);
    for (int64_t row = 0; row < rows && y->bytes > 0; row++) {
        const struct tokens tokens = {v, x, row * columns, columns};
        count_row(&tokens, (float *)y->data + row * v->width);
    }
    return STATUS_OK;
}

const struct op ops_tfidf_vectorizer[] = {
    {.name = "TfIdfVectorizer",
     .domain = "",
     .since = 9,
     .inputs = (const struct op_arg[]){{"X", TYPES_INDEX | TYPE(DTYPE_STRING), 0}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_FLOAT, 0}, {0}},
     .params_size = sizeof(struct vectorizer),
     .facts = &facts,
     .parse = parse,
     .infer = infer,
     .run = run},
    {0}};
