#include "tools/checkpoint/view.h"

#include "base/checked.h"
#include "base/convert.h"
#include "tools/checkpoint/pickle_global.h"

#include <limits.h>
#include <string.h>

/* ---- checking ---- */

static status fail_view(const struct tensor_view *view, struct error *err, const char *what) {
    return fail(err, STATUS_INVALID_MODEL, "the tensor made at byte %zu of the pickle: %s", view->at, what);
}

/* Numbers from 0 up; count is at most MAX_RANK. */
static bool read_sizes(const struct pickle_value *tuple, int64_t *numbers) {
    for (uint32_t i = 0; i < tuple->items.count; i++) {
        const struct pickle_value *item = tuple->items.at[i];
        if (item->kind != VALUE_INT || item->integer < 0)
            return false;
        numbers[i] = item->integer;
    }
    return true;
}

/* Elements from the view's first one to its last one, both included; 0 for no elements. False on overflow. */
static bool view_span(const struct checkpoint_tensor *tensor, int64_t *span) {
    *span = 1;
    for (int i = 0; i < tensor->shape.rank; i++) {
        int64_t reach;
        if (tensor->shape.dims[i] == 0) {
            *span = 0;
            return true;
        }
        if (!int64_mul(tensor->shape.dims[i] - 1, tensor->strides[i], &reach) || !int64_add(*span, reach, span))
            return false;
    }
    return true;
}

static bool has_no_elements(const struct shape *shape) {
    return shape_elements(shape) == 0;
}

/* Bytes of the pieces before and after `offset` elements, in a storage whose own elements may have another size. */
static status place_view(const struct tensor_view *view, const struct tensor_storage *storage,
                         struct checkpoint_tensor *tensor, struct error *err) {
    const size_t own = view->piece->type->size, size = dtype_size(tensor->dtype);
    const size_t begin = view->piece->offset * own, bytes = view->piece->count * own; /* fit: the storage's bytes do */
    int64_t span, end;
    size_t skipped = 0;
    if (!view_span(tensor, &span) || !int64_add(span, view->offset->integer, &end))
        return fail_view(view, err, "its size is too large");
    if (span > 0 && (uint64_t)end > bytes / size)
        return fail(err, STATUS_INVALID_MODEL,
                    "the tensor made at byte %zu of the pickle ends at element %lld of storage \"%s\", which has %zu",
                    view->at, (long long)end, storage->key, bytes / size);
    if (span > 0)
        skipped = (size_t)view->offset->integer * size;
    tensor->storage = storage->data + begin + skipped;
    tensor->storage_bytes = bytes - skipped;
    return STATUS_OK;
}

/* What the tensor takes written out: a few bytes may describe a large one by repeating elements. */
static status check_dense(const struct checkpoint *checkpoint, const struct tensor_view *view,
                          const struct checkpoint_tensor *tensor, struct error *err) {
    size_t dense;
    if (shape_elements(&tensor->shape) < 0 || !tensor_size(tensor->dtype, &tensor->shape, &dense))
        return fail_view(view, err, "its size is too large");
    if (dense > tensor->storage_bytes && dense > checkpoint->limits.expanded_bytes)
        return fail(
            err, STATUS_LIMIT,
            "the tensor made at byte %zu of the pickle repeats its %zu bytes to %zu, more than the limit of %zu",
            view->at, tensor->storage_bytes, dense, checkpoint->limits.expanded_bytes);
    return STATUS_OK;
}

status view_resolve(const struct checkpoint *checkpoint, const struct tensor_view *view,
                    const struct storages *storages, struct checkpoint_tensor *tensor, const char **why,
                    struct error *err) {
    static const char *const ranks = "tensor of more than 8 dimensions";
    const struct global *type = view->type ? view->type : view->piece->type;
    *why = NULL;
    if (view->conjugated)
        *why = "tensor with conjugated or negated elements";
    else if (!dtype_size(type->dtype))
        *why = type->what;
    else if (view->size->items.count > MAX_RANK)
        *why = ranks;
    if (*why)
        return STATUS_OK;
    memset(tensor, 0, sizeof *tensor);
    tensor->dtype = type->dtype;
    tensor->shape.rank = (int)view->size->items.count;
    if (view->strides->items.count != view->size->items.count)
        return fail_view(view, err, "it has another number of strides than of dimensions");
    if (!read_sizes(view->size, tensor->shape.dims) || !read_sizes(view->strides, tensor->strides) ||
        view->offset->integer < 0)
        return fail_view(view, err, "its size, strides or offset are not numbers from 0 up");
    const status code = place_view(view, &storages->items[view->piece->index], tensor, err);
    return code ? code : check_dense(checkpoint, view, tensor, err);
}

status view_place(const struct checkpoint *checkpoint, const void *storage, size_t bytes, int64_t offset,
                  struct checkpoint_tensor *tensor, struct error *err) {
    const size_t size = dtype_size(tensor->dtype);
    int64_t span, end;
    size_t dense;
    if (shape_elements(&tensor->shape) < 0 || !tensor_size(tensor->dtype, &tensor->shape, &dense) || offset < 0 ||
        !view_span(tensor, &span) || !int64_add(span, offset, &end))
        return fail(err, STATUS_INVALID_MODEL, "its size is too large");
    if (span > 0 && (uint64_t)end > bytes / size)
        return fail(err, STATUS_INVALID_MODEL, "it ends at element %lld of a storage of %zu", (long long)end,
                    bytes / size);
    const size_t skipped = span > 0 ? (size_t)offset * size : 0;
    tensor->storage = (const char *)storage + skipped;
    tensor->storage_bytes = bytes - skipped;
    if (dense > tensor->storage_bytes && dense > checkpoint->limits.expanded_bytes)
        return fail(err, STATUS_LIMIT, "it repeats its %zu bytes to %zu, more than the limit of %zu",
                    tensor->storage_bytes, dense, checkpoint->limits.expanded_bytes);
    return STATUS_OK;
}

/* ---- walking through a view ---- */

/* Takes `count` elements that lie side by side at `from`. */
typedef void run_body(void *context, const void *from, size_t count);

/* Calls body for the elements in row-major order, in runs as long as the strides allow. */
static void each_run(const struct checkpoint_tensor *tensor, run_body *body, void *context) {
    if (has_no_elements(&tensor->shape))
        return;
    const size_t size = dtype_size(tensor->dtype);
    int outer = tensor->shape.rank;
    int64_t run = 1;
    while (outer > 0 && (tensor->shape.dims[outer - 1] == 1 || tensor->strides[outer - 1] == run))
        run *= tensor->shape.dims[--outer];
    int64_t at[MAX_RANK] = {0};
    const char *from = tensor->storage;
    for (;;) {
        body(context, from, (size_t)run);
        int i = outer - 1;
        for (; i >= 0 && ++at[i] == tensor->shape.dims[i]; i--) {
            from -= (size_t)(at[i] - 1) * (size_t)tensor->strides[i] * size;
            at[i] = 0;
        }
        if (i < 0)
            return;
        from += (size_t)tensor->strides[i] * size;
    }
}

struct copy {
    char *to;
    size_t size;
};

static void copy_run(void *context, const void *from, size_t count) {
    struct copy *copy = context;
    memcpy(copy->to, from, count * copy->size);
    copy->to += count * copy->size;
}

void checkpoint_copy(const struct checkpoint_tensor *tensor, void *destination) {
    struct copy copy = {destination, dtype_size(tensor->dtype)};
    each_run(tensor, copy_run, &copy);
}

/* ---- as float32 ---- */

#define CHUNK 256

/* count <= CHUNK elements of the type, aligned. */
typedef void to_float(const void *from, float *to, size_t count);

#define TO_FLOAT(NAME, TYPE)                                                 \
    static void NAME##_to_float(const void *from, float *to, size_t count) { \
        const TYPE *numbers = from;                                          \
        for (size_t i = 0; i < count; i++)                                   \
            to[i] = (float)numbers[i];                                       \
    }
TO_FLOAT(float, float)
TO_FLOAT(double, double)
TO_FLOAT(int8, int8_t)
TO_FLOAT(int16, int16_t)
TO_FLOAT(int32, int32_t)
TO_FLOAT(int64, int64_t)
TO_FLOAT(uint8, uint8_t)
TO_FLOAT(uint16, uint16_t)
TO_FLOAT(uint32, uint32_t)
TO_FLOAT(uint64, uint64_t)

static void float16_to_float(const void *from, float *to, size_t count) {
    half_to_float(DTYPE_FLOAT16, from, to, count);
}
static void bfloat16_to_float(const void *from, float *to, size_t count) {
    half_to_float(DTYPE_BFLOAT16, from, to, count);
}

static to_float *const converters[DTYPE_COUNT] = {
    [DTYPE_FLOAT] = float_to_float,   [DTYPE_DOUBLE] = double_to_float, [DTYPE_FLOAT16] = float16_to_float,
    [DTYPE_INT8] = int8_to_float,     [DTYPE_INT16] = int16_to_float,   [DTYPE_INT32] = int32_to_float,
    [DTYPE_INT64] = int64_to_float,   [DTYPE_UINT8] = uint8_to_float,   [DTYPE_UINT16] = uint16_to_float,
    [DTYPE_UINT32] = uint32_to_float, [DTYPE_UINT64] = uint64_to_float, [DTYPE_BFLOAT16] = bfloat16_to_float,
};

struct conversion {
    to_float *convert;
    float *to;
    size_t size;
};

static void convert_run(void *context, const void *from, size_t count) {
    struct conversion *conversion = context;
    union {
        uint64_t align;
        unsigned char bytes[CHUNK * sizeof(uint64_t)];
    } chunk;
    const char *at = from;
    while (count > 0) {
        const size_t part = count < CHUNK ? count : CHUNK;
        memcpy(chunk.bytes, at, part * conversion->size);
        conversion->convert(chunk.bytes, conversion->to, part);
        conversion->to += part;
        at += part * conversion->size;
        count -= part;
    }
}

status checkpoint_copy_float(const struct checkpoint_tensor *tensor, float *destination, struct error *err) {
    struct conversion conversion = {converters[tensor->dtype], destination, dtype_size(tensor->dtype)};
    if (!conversion.convert)
        return fail(err, STATUS_UNSUPPORTED, "tensor \"%.200s\" has elements of type %s, not numbers that become float",
                    tensor->path, dtype_name(tensor->dtype));
    each_run(tensor, convert_run, &conversion);
    return STATUS_OK;
}
