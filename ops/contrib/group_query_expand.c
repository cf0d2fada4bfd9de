#include "ops/contrib/group_query_expand.h"

#include "ops/contrib/group_query_call.h"

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

status gqa_expand(struct op_writer *w, struct error *err) {
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
