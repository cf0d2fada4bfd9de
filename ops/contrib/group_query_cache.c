#include "ops/contrib/group_query_cache.h"

#include "base/sizes.h"
#include "ops/core/reals.h"

#include <string.h>

/* Of `length` vectors, how many a cache holds. One that slides lets go of all that it need not have at once. */
static int64_t held(const struct op_call *call, const struct gqa *g, int64_t length) {
    const struct gqa_params *p = call->params;
    const int64_t slack = g->past - p->window + 1;
    return !p->slides || length <= g->past ? length : length - slack * divide_up(length - g->past, slack);
}

status gqa_row_of(const struct op_call *call, const struct gqa *g, int64_t batch, struct gqa_row *row,
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

void gqa_fill(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch) {
    for (int64_t head = 0; head < g->a.kv_heads; head++) {
        for (int which = 0; which < 2; which++) {
            fill_head(call, g, row, batch, head, which);
            if (((const struct gqa_params *)call->params)->slides)
                slide_head(call, g, row, batch, head, which);
        }
    }
}
