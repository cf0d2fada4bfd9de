/*
 * onnxruntime's GroupQueryAttention (com.microsoft 1): attention with a cache of keys and values, whose rows of the
 * batch are filled to different lengths. Packed inputs, rotations and norms are written as operators before it.
 */
#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/attention/attention_engine.h"
#include "ops/attention/attention_shapes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_write.h"
#include "ops/core/reals.h"

#include <math.h>
#include <string.h>

enum gqa_input {
    IN_Q,
    IN_K,
    IN_V,
    IN_PAST_KEY,
    IN_PAST_VALUE,
    IN_LENGTHS,
    IN_TOTAL,
    IN_COS,
    IN_SIN,
    IN_PLACES,
    IN_ADDED,
    IN_SINK,
    IN_K_SCALE,
    IN_V_SCALE,
    IN_Q_NORM,
    IN_K_NORM,
    IN_ROWS,
    IN_COUNT
};
enum gqa_output { OUT_Y, OUT_KEY, OUT_VALUE };

struct gqa_params {
    int64_t heads, kv_heads, window;
    float scale, softcap, q_epsilon, k_epsilon;
    bool causal, rotates, pairs, smooth;
    bool slides; /* the cache holds the newest vectors alone, `window` of them or some more */
};

/* What is known with one value alone. */
static status check_plain(const struct op_call *call, struct attributes *attributes, struct error *err) {
    static const char *const kinds[] = {"k_quant_type", "v_quant_type", NULL};
    if (attribute_int(attributes, "qk_output", 0) != 0)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"qk_output\" is only known as 0");
    for (int i = 0; kinds[i]; i++)
        if (strcmp(attribute_text(attributes, kinds[i], "NONE"), "NONE") != 0)
            return fail(err, STATUS_UNSUPPORTED, "attribute \"%s\" is only known as NONE", kinds[i]);
    attribute_ignore(attributes, "kv_cache_bit_width");
    for (int i = IN_K_SCALE; i <= IN_V_SCALE; i++)
        if (i < call->node->input_count && call->node->inputs[i] != NO_VALUE)
            return fail(err, STATUS_UNSUPPORTED, "input %d is not known here", i);
    return STATUS_OK;
}

static status gqa_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct gqa_params *p = result;
    const float epsilon = attribute_float(attributes, "qk_norm_epsilon", 1e-6f);
    *p = (struct gqa_params){.heads = attribute_int(attributes, "num_heads", 0),
                             .kv_heads = attribute_int(attributes, "kv_num_heads", 0),
                             .window = attribute_int(attributes, "local_window_size", -1),
                             .scale = attribute_float(attributes, "scale", 0),
                             .softcap = attribute_float(attributes, "softcap", 0),
                             .q_epsilon = attribute_float(attributes, "q_norm_epsilon", epsilon),
                             .k_epsilon = attribute_float(attributes, "k_norm_epsilon", epsilon),
                             .causal = attribute_int(attributes, "causal", 1) != 0,
                             .rotates = attribute_int(attributes, "do_rotary", 0) != 0,
                             .pairs = attribute_int(attributes, "rotary_interleaved", 0) != 0,
                             .smooth = attribute_int(attributes, "smooth_softmax", 0) > 0,
                             .slides = attribute_int(attributes, "sliding_window_cache", 0) != 0};
    if (p->heads < 1 || p->heads > INT32_MAX || p->kv_heads < 1 || p->heads % p->kv_heads != 0)
        return fail(err, STATUS_INVALID_MODEL, "%lld heads (num_heads) cannot share %lld (kv_num_heads)",
                    (long long)p->heads, (long long)p->kv_heads);
    if (p->slides && p->window < 1)
        return fail(err, STATUS_INVALID_MODEL, "\"sliding_window_cache\" is 1 and \"local_window_size\" is %lld",
                    (long long)p->window);
    return check_plain(call, attributes, err);
}

/* ---- what stands before it ---- */

static status split(struct op_writer *w, const struct gqa_params *p, struct error *err) {
    const long long q = p->heads, k = p->kv_heads;
    return op_input(w->call, IN_K)
               ? op_write(w, err, "q = Identity(#0); k = Identity(#1); v = Identity(#2)")
               : op_write(w, err,
                          "r = Reshape(#0 [0 0 %lld -1]); q k v = Split{axis=2}(r [%lld %lld %lld]);"
                          "q = Reshape(q [0 0 -1]); k = Reshape(k [0 0 -1]); v = Reshape(v [0 0 -1])",
                          q + 2 * k, q, k, k);
}

static status normalize(struct op_writer *w, char name, int64_t heads, float epsilon, int scale, struct error *err) {
    return op_write(w, err,
                    "%c = Reshape(%c [0 0 %lld -1]); %c = RMSNormalization:23{axis=-1 epsilon=%.9gf}(%c #%d);"
                    "%c = Reshape(%c [0 0 -1])",
                    name, name, (long long)heads, name, (double)epsilon, name, scale, name, name);
}

/* Row s of a batch is number length - rows + s of the cache, and padding behind the length is turned as its last one.
 */
static status rotate(struct op_writer *w, const struct gqa_params *p, struct error *err) {
    /* The tables say how much of a vector is turned, where they are known: all of it else. */
    const struct tensor *cos = op_input(w->call, IN_COS);
    const long long turned = cos->constant && cos->shape.rank == 2 ? 2 * cos->shape.dims[1] : 0;
    const long long q = p->heads, k = p->kv_heads;
    status code = STATUS_OK;
    if (op_input(w->call, IN_PLACES))
        code = op_write(w, err, "p = Identity(#%d)", IN_PLACES);
    else
        code = op_write(w, err,
                        "n = Shape{start=1 end=2}(q); z = Cast{to=7}(#%d); z = Reshape(z [-1 1]); %s; o = Sub(z m);"
                        "o = Add(o 1); o = Max(o 0); e = Squeeze(n); e = Range(0 e 1); p = Add(o e); y = Max(z 0);"
                        "p = Min(p y)",
                        IN_LENGTHS,
                        op_input(w->call, IN_ROWS) ? "m = Cast{to=7}(#16); m = Reshape(m [-1 1])" : "m = Identity(n)");
    if (code != STATUS_OK)
        return code;
    return op_write(w, err,
                    "q = @RotaryEmbedding{interleaved=%d num_heads=%lld rotary_embedding_dim=%lld}(q p #7 #8);"
                    "k = @RotaryEmbedding{interleaved=%d num_heads=%lld rotary_embedding_dim=%lld}(k p #7 #8)",
                    p->pairs, q, turned, p->pairs, k, turned);
}

static status gqa_expand(struct op_writer *w, struct error *err) {
    static const char *const own[] = {"do_rotary",      "rotary_interleaved", "q_norm_epsilon",
                                      "k_norm_epsilon", "qk_norm_epsilon",    NULL};
    const struct gqa_params *p = w->call->params;
    const bool q_norm = op_input(w->call, IN_Q_NORM), k_norm = op_input(w->call, IN_K_NORM);
    w->own = own;
    if (op_input(w->call, IN_K) && !p->rotates && !q_norm && !k_norm)
        return STATUS_OK;
    if (p->rotates && (!op_input(w->call, IN_COS) || !op_input(w->call, IN_SIN)))
        return fail(err, STATUS_INVALID_MODEL, "do_rotary is 1, and inputs 7 and 8 (cos_cache, sin_cache) are missing");
    status code = split(w, p, err);
    if (code == STATUS_OK && q_norm)
        code = normalize(w, 'q', p->heads, p->q_epsilon, IN_Q_NORM, err);
    if (code == STATUS_OK && k_norm)
        code = normalize(w, 'k', p->kv_heads, p->k_epsilon, IN_K_NORM, err);
    if (code == STATUS_OK && p->rotates)
        code = rotate(w, p, err);
    return code == STATUS_OK
               ? op_write(w, err, ">0 >1 >2 = @GroupQueryAttention{*}(q k v #3 #4 #5 #6 - - - #10 #11 - - - - #16)")
               : code;
}

/* ---- sizes ---- */

struct gqa {
    struct attention a; /* of one row of the batch, after place_row(); batch is that of all */
    struct attention_heads k;
    int64_t past;      /* vectors that the given cache has room for */
    void *present[2];  /* keys and values, [batch][kv_heads][keys][size] */
    size_t at[2], end; /* of those that nobody wants, in the workspace; of the engine's */
};

static status check_inputs(const struct op_call *call, struct gqa *g, struct error *err) {
    const int64_t batch = g->a.batch, shape[] = {batch, g->a.kv_heads, g->past, g->a.size};
    const struct tensor *lengths = call->inputs[IN_LENGTHS];
    if (!op_input(call, IN_PAST_KEY) != !op_input(call, IN_PAST_VALUE))
        return fail(err, STATUS_INVALID_MODEL, "inputs 3 (past_key) and 4 (past_value) go together");
    for (int i = IN_PAST_KEY; i <= IN_PAST_VALUE && op_input(call, i); i++)
        if (attention_check_shape(call, i, 4, shape, err) != STATUS_OK)
            return err->code;
    if (tensor_elements(lengths) != batch ||
        (op_input(call, IN_ROWS) && tensor_elements(call->inputs[IN_ROWS]) != batch))
        return fail(err, STATUS_SHAPE, "inputs 5 (seqlens_k) and 16 must have %lld numbers, one of each row",
                    (long long)batch);
    const struct tensor *sinks = op_input(call, IN_SINK);
    if (sinks && attention_check_shape(call, IN_SINK, 1, (const int64_t[]){g->a.heads}, err) != STATUS_OK)
        return err->code;
    g->a.sinks = sinks ? sinks->data : NULL;
    return STATUS_OK;
}

/* The present caches are outputs, or lie in the workspace; those that slide are made there with all that rows see. */
static status place_present(const struct op_call *call, struct gqa *g, struct error *err) {
    size_t bytes = (size_t)g->a.size * sizeof(float);
    bool fits = size_mul(bytes, (size_t)g->a.keys, &bytes) && size_mul(bytes, (size_t)g->a.kv_heads, &bytes) &&
                size_mul(bytes, (size_t)g->a.batch, &bytes) && bytes < SIZE_MAX / 4;
    for (int i = 0; i < 2 && fits; i++) {
        const struct tensor *output =
            ((const struct gqa_params *)call->params)->slides ? NULL : op_output(call, OUT_KEY + i);
        g->at[i] = g->end;
        g->end += output ? 0 : whole_line_bytes(bytes);
        g->present[i] = output ? output->data : call->workspace ? (char *)call->workspace + g->at[i] : NULL;
    }
    return fits ? STATUS_OK : fail(err, STATUS_LIMIT, "the cache is too large");
}

static status describe(const struct op_call *call, struct gqa *g, struct error *err) {
    const struct gqa_params *p = call->params;
    struct attention_heads q, v;
    int64_t total;
    int count;
    *g = (struct gqa){0};
    if (!op_input(call, IN_K) || !op_input(call, IN_V))
        return fail(err, STATUS_INVALID_MODEL, "inputs 1 (key) and 2 (value) go together");
    if (attention_heads_of(call, IN_Q, p->heads, "num_heads", &q, err) ||
        attention_heads_of(call, IN_K, p->kv_heads, "kv_num_heads", &g->k, err) ||
        attention_heads_of(call, IN_V, p->kv_heads, "kv_num_heads", &v, err))
        return err->code;
    const struct attention_heads *k = &g->k;
    if (k->batch != q.batch || v.batch != q.batch || k->rows != q.rows || v.rows != q.rows || k->size != q.size ||
        v.size != q.size)
        return fail(err, STATUS_SHAPE, "query, key and value do not have the same batch, rows and size of heads");
    const status code = op_input_ints(call, IN_TOTAL, &total, 1, &count, err);
    if (code != STATUS_OK)
        return code;
    const struct tensor *past = op_input(call, IN_PAST_KEY);
    g->past = past && past->shape.rank == 4 ? past->shape.dims[2] : 0;
    if (count != 1 || total < 0 || total > INT32_MAX)
        return fail(err, STATUS_INVALID_MODEL, "input 6 (total_sequence_length) is not a number of 0 or more");
    g->a = (struct attention){.dtype = DTYPE_FLOAT,
                              .batch = q.batch,
                              .heads = p->heads,
                              .kv_heads = p->kv_heads,
                              .rows = q.rows,
                              .keys = total > g->past ? total : g->past,
                              .size = q.size,
                              .value_size = q.size,
                              .q = q.array,
                              .v = v.array,
                              .left = p->window > 0 ? p->window - 1 : -1,
                              .right = p->causal ? 0 : -1,
                              .scale = p->scale != 0 ? (double)p->scale : 1 / sqrt((double)q.size),
                              .softcap = (double)p->softcap,
                              .smooth = p->smooth};
    if (p->slides && g->past < p->window)
        return fail(err, STATUS_INVALID_MODEL, "the cache has room for %lld vectors, expected local_window_size, %lld",
                    (long long)g->past, (long long)p->window);
    /* Numbers are added by where keys stand among all. */
    if (attention_mask_of(call, IN_ADDED, &g->a, &g->a.masks[0], err))
        return err->code;
    if (p->slides)
        g->a.keys = g->past + g->a.rows;
    return attention_check_sizes(&g->a, err) || check_inputs(call, g, err) || place_present(call, g, err) ? err->code
                                                                                                          : STATUS_OK;
}

static status gqa_infer(struct op_call *call, struct error *err) {
    struct gqa g;
    const status code = describe(call, &g, err);
    if (code != STATUS_OK)
        return code;
    const struct attention *a = &g.a;
    const int64_t room = ((const struct gqa_params *)call->params)->slides ? g.past : a->keys;
    const struct shape shapes[] = {{3, {a->batch, a->rows, a->heads * a->size}},
                                   {4, {a->batch, a->kv_heads, room, a->size}}};
    for (int i = 0; i < call->output_count && i <= OUT_VALUE; i++)
        if (call->outputs[i] && tensor_describe(call->outputs[i], DTYPE_FLOAT, &shapes[i > 0], err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static status gqa_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct gqa g;
    size_t engine = 0;
    status code = describe(call, &g, err);
    g.a.batch = 1;
    if (code == STATUS_OK)
        code = attention_prepare(call, &g.a, &engine, err);
    if (code == STATUS_OK && !size_add(g.end, engine, workspace_bytes))
        code = fail(err, STATUS_LIMIT, "the workspace is too large");
    return code;
}

/* ---- a row of the batch ---- */

/* How many vectors there are so far, how many of them are new, and how many older ones are in the cache. */
struct gqa_row {
    int64_t length, new, old;
};

/* Of `length` vectors, how many a cache holds. One that slides lets go of all that it need not have at once. */
static int64_t held(const struct op_call *call, const struct gqa *g, int64_t length) {
    const struct gqa_params *p = call->params;
    const int64_t slack = g->past - p->window + 1;
    return !p->slides || length <= g->past ? length : length - slack * divide_up(length - g->past, slack);
}

static status row_of(const struct op_call *call, const struct gqa *g, int64_t batch, struct gqa_row *row,
                     struct error *err) {
    const int64_t rows = g->a.rows;
    row->length = int_of(call->inputs[IN_LENGTHS], batch) + 1;
    row->new = op_input(call, IN_ROWS) ? int_of(call->inputs[IN_ROWS], batch) : row->length < rows ? row->length : rows;
    row->old = row->length < 0 || row->new > row->length ? -1 : held(call, g, row->length - row->new);
    if (row->new < 0 || row->new > rows || row->old < 0 || row->old > g->past || row->old + row->new > g->a.keys)
        return fail(err, STATUS_INVALID_MODEL,
                    "row %lld has %lld keys, %lld of them new: the cache has room for %lld, and %lld are given",
                    (long long)batch, (long long)row->length, (long long)row->new, (long long)g->a.keys,
                    (long long)g->past);
    return STATUS_OK;
}

/* The old vectors of a head, the new ones, and zeros. */
static void fill_head(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch,
                      int64_t head, int which) {
    const struct attention_array *new = which ? &g->a.v : &g->k.array;
    const int64_t size = g->a.size, old = row->old, item = batch * g->a.kv_heads + head;
    const struct tensor *past = op_input(call, IN_PAST_KEY + which);
    float *to = (float *)g->present[which] + item * g->a.keys * size;
    if (old > 0)
        memcpy(to, (const float *)past->data + item * g->past * size, (size_t)(old * size) * sizeof *to);
    for (int64_t i = 0; i < row->new; i++)
        memcpy(to + (old + i) * size, (const float *)new->data + batch *new->batch + head *new->head + i *new->row,
               (size_t)size * sizeof *to);
    memset(to + (old + row->new) * size, 0, (size_t)((g->a.keys - old - row->new) * size) * sizeof *to);
}

/* The newest vectors of a head into a cache that slides, and zeros. */
static void slide_head(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch,
                       int64_t head, int which) {
    const struct tensor *output = op_output(call, OUT_KEY + which);
    const int64_t size = g->a.size, item = batch * g->a.kv_heads + head, kept = held(call, g, row->length);
    if (!output)
        return;
    float *to = (float *)output->data + item * g->past * size;
    const float *from = (const float *)g->present[which] + item * g->a.keys * size;
    memcpy(to, from + (row->old + row->new - kept) * size, (size_t)(kept * size) * sizeof *to);
    memset(to + kept * size, 0, (size_t)((g->past - kept) * size) * sizeof *to);
}

static void attend(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch) {
    struct attention a = g->a;
    struct op_call engine = *call;
    struct tensor added;
    const int64_t seen = row->old + row->new, before = row->length - seen; /* keys, and those that are forgotten */
    const int64_t of_row = a.kv_heads * a.keys * a.size;
    for (int64_t head = 0; head < a.kv_heads; head++) {
        for (int which = 0; which < 2; which++) {
            fill_head(call, g, row, batch, head, which);
            if (((const struct gqa_params *)call->params)->slides)
                slide_head(call, g, row, batch, head, which);
        }
    }
    a.batch = 1;
    a.q.data = (float *)a.q.data + batch * a.q.batch;
    a.k = (struct attention_array){(float *)g->present[0] + batch * of_row, of_row, a.keys * a.size, a.size};
    a.v = (struct attention_array){(float *)g->present[1] + batch * of_row, of_row, a.keys * a.size, a.size};
    a.offset = row->old;
    a.lengths = &seen;
    if (a.masks[0].tensor) {
        added = *a.masks[0].tensor;
        added.data = (float *)added.data + batch * a.masks[0].batch + at_most(before, a.masks[0].keys);
        a.masks[0].keys -= at_most(before, a.masks[0].keys);
        a.masks[0].tensor = &added;
    }
    a.y = attention_array_3d(call->outputs[OUT_Y], a.heads);
    a.y.data = (float *)a.y.data + batch * a.y.batch;
    engine.workspace = (char *)call->workspace + g->end;
    attention_run(&engine, &a);
}

static status gqa_run(struct op_call *call, struct error *err) {
    struct gqa g;
    struct gqa_row row;
    status code = describe(call, &g, err);
    if (code != STATUS_OK || g.a.size == 0)
        return code;
    for (int64_t batch = 0; batch < g.a.batch && code == STATUS_OK; batch++) {
        code = row_of(call, &g, batch, &row, err);
        if (code == STATUS_OK)
            attend(call, &g, &row, batch);
    }
    return code;
}

static double gqa_macs(const struct op_call *call) {
    struct gqa g;
    struct error err;
    return describe(call, &g, &err) == STATUS_OK ? attention_macs(&g.a) : 0;
}

static const struct op_facts facts = {
    .reach = op_reach_whole,
    .expand = gqa_expand,
    .expands_to = "Identity Reshape Split RMSNormalization Shape Cast Sub Add Max Squeeze Range Min "
                  "com.microsoft:RotaryEmbedding"};

#define INT32 TYPE(DTYPE_INT32)
#define PERHAPS(NAME) \
    { NAME, TYPES_FLOAT, ARG_T | ARG_OPTIONAL }

static const struct op_arg inputs[IN_COUNT + 1] = {[IN_Q] = {"query", TYPES_FLOAT, ARG_T},
                                                   [IN_K] = PERHAPS("key"),
                                                   [IN_V] = PERHAPS("value"),
                                                   [IN_PAST_KEY] = PERHAPS("past_key"),
                                                   [IN_PAST_VALUE] = PERHAPS("past_value"),
                                                   [IN_LENGTHS] = {"seqlens_k", INT32, 0},
                                                   [IN_TOTAL] = {"total_sequence_length", INT32, 0},
                                                   [IN_COS] = PERHAPS("cos_cache"),
                                                   [IN_SIN] = PERHAPS("sin_cache"),
                                                   [IN_PLACES] = {"position_ids", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                                   [IN_ADDED] = PERHAPS("attention_bias"),
                                                   [IN_SINK] = PERHAPS("head_sink"),
                                                   [IN_K_SCALE] = PERHAPS("k_scale"),
                                                   [IN_V_SCALE] = PERHAPS("v_scale"),
                                                   [IN_Q_NORM] = PERHAPS("q_norm_weight"),
                                                   [IN_K_NORM] = PERHAPS("k_norm_weight"),
                                                   [IN_ROWS] = {"query_seqlens", INT32, ARG_OPTIONAL}};
static const struct op_arg outputs[] = {
    {"output", TYPES_FLOAT, ARG_T}, PERHAPS("present_key"), PERHAPS("present_value"), {0}};

const struct op ops_group_query[] = {{.name = "GroupQueryAttention",
                                      .domain = "com.microsoft",
                                      .since = 1,
                                      .inputs = inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct gqa_params),
                                      .parse = gqa_parse,
                                      .infer = gqa_infer,
                                      .prepare = gqa_prepare,
                                      .run = gqa_run,
                                      .macs = gqa_macs,
                                      .facts = &facts},
                                     {0}};
