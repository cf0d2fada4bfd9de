#include "ops/core/reals.h"

#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/type_rows.h"

#define LOAD(T, DTYPE)                                                \
    static void load_##DTYPE(const void *in, double *out, size_t n) { \
        for (size_t i = 0; i < n; i++)                                \
            out[i] = (double)((const T *)in)[i];                      \
    }
#define STORE(T, DTYPE, CONVERT)                                       \
    static void store_##DTYPE(const double *in, void *out, size_t n) { \
        for (size_t i = 0; i < n; i++)                                 \
            ((T *)out)[i] = (T)CONVERT(in[i]);                         \
    }
ROWS_NUMBER(LOAD)
STORE(float, FLOAT, (float))
STORE(double, DOUBLE, (double))
STORE(int8_t, INT8, real_to_int32)
STORE(int16_t, INT16, real_to_int32)
STORE(int32_t, INT32, real_to_int32)
STORE(int64_t, INT64, real_to_int64)
STORE(uint8_t, UINT8, real_to_int32)
STORE(uint16_t, UINT16, real_to_int32)
STORE(uint32_t, UINT32, real_to_int64)
STORE(uint64_t, UINT64, real_to_uint64)

static void load_BOOL(const void *in, double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        out[i] = ((const uint8_t *)in)[i] != 0;
}
static void store_BOOL(const double *in, void *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = in[i] != 0;
}

#define LOAD_ENTRY(T, DTYPE) [DTYPE_##DTYPE] = load_##DTYPE,
#define STORE_ENTRY(T, DTYPE) [DTYPE_##DTYPE] = store_##DTYPE,
static void (*const loads[DTYPE_COUNT])(const void *, double *,
                                        size_t) = {ROWS_NUMBER(LOAD_ENTRY) LOAD_ENTRY(uint8_t, BOOL)};
static void (*const stores[DTYPE_COUNT])(const double *, void *,
                                         size_t) = {ROWS_NUMBER(STORE_ENTRY) STORE_ENTRY(uint8_t, BOOL)};

void reals_load(enum dtype dtype, const void *in, double *out, size_t count) {
    float chunk[CONVERT_CHUNK];
    if (!dtype_is_half(dtype)) {
        loads[dtype](in, out, count);
        return;
    }
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        half_to_float(dtype, (const uint16_t *)in + i, chunk, n);
        load_FLOAT(chunk, out + i, n);
    }
}

void reals_store(enum dtype dtype, const double *in, void *out, size_t count) {
    if (dtype_is_half(dtype))
        half_from_double(dtype, in, out, count);
    else
        stores[dtype](in, out, count);
}

static status check_scalar(const struct op_call *call, int i, struct error *err) {
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    if (tensor_elements(call->inputs[i]) != 1)
        return fail(err, STATUS_SHAPE, "%s has shape %s, expected one number", op_input_text(call, i, name),
                    shape_text(&call->inputs[i]->shape, text));
    return op_unknown(call, i) ? op_needs(call, i, err) : STATUS_OK;
}

status op_scalar_real(const struct op_call *call, int i, double *value, struct error *err) {
    const status code = check_scalar(call, i, err);
    if (code == STATUS_OK)
        reals_load(call->inputs[i]->dtype, call->inputs[i]->data, value, 1);
    return code;
}

status op_scalar_int(const struct op_call *call, int i, int64_t *value, struct error *err) {
    const status code = check_scalar(call, i, err);
    if (code == STATUS_OK)
        *value = int_of(call->inputs[i], 0);
    return code;
}

double number_at(const struct tensor *tensor, int64_t i) {
    double value = 0;
    if (TYPES_REALS >> tensor->dtype & 1)
        reals_load(tensor->dtype, (const char *)tensor->data + (size_t)i * dtype_size(tensor->dtype), &value, 1);
    return value;
}

int64_t int_of(const struct tensor *tensor, int64_t i) {
    if (tensor->dtype == DTYPE_INT64)
        return ((const int64_t *)tensor->data)[i];
    if (tensor->dtype == DTYPE_UINT64) {
        const uint64_t value = ((const uint64_t *)tensor->data)[i];
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    return real_to_int64(number_at(tensor, i));
}

enum dtype attribute_dtype(struct attributes *attributes, const char *name, enum dtype fallback, uint32_t types,
                           status *code, struct error *err) {
    const int64_t dtype = attribute_int(attributes, name, fallback);
    *code = STATUS_OK;
    if (!attribute_has(attributes, name) || (dtype > 0 && dtype < DTYPE_COUNT && (types >> dtype & 1)))
        return (enum dtype)dtype;
    if (dtype > 0 && dtype < DTYPE_COUNT)
        *code = fail(err, STATUS_UNSUPPORTED, "attribute \"%s\" is %s, which is no type for the output", name,
                     dtype_name((enum dtype)dtype));
    else
        *code = fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" is %lld, which is no element type", name,
                     (long long)dtype);
    return fallback;
}
