#include "tools/checkpoint/pickle_global.h"

#include "tools/checkpoint/numpy_pickle.h"

#include <string.h>

#define STORAGE(NAME, DTYPE, SIZE) \
    { "torch." NAME "Storage", GLOBAL_STORAGE, DTYPE, SIZE, "tensor" }
#define QUANTIZED(NAME, SIZE) \
    { "torch." NAME "Storage", GLOBAL_STORAGE, DTYPE_UNDEFINED, SIZE, "quantized tensor" }
#define TYPE(NAME, DTYPE) \
    { "torch." NAME, GLOBAL_TYPE, DTYPE, 0, NULL }
#define PLAIN(NAME, KIND) \
    { NAME, KIND, DTYPE_UNDEFINED, 0, NULL }
#define OTHER(NAME, WHAT) \
    { NAME, GLOBAL_OTHER, DTYPE_UNDEFINED, 0, WHAT }

static const struct global globals[] = {
    {"collections.OrderedDict", GLOBAL_DICT, DTYPE_UNDEFINED, 0, NULL},
    {"collections.defaultdict", GLOBAL_DICT, DTYPE_UNDEFINED, 0, NULL},
    {"torch._utils._rebuild_tensor", GLOBAL_TENSOR, DTYPE_UNDEFINED, 0, NULL},
    {"torch._utils._rebuild_tensor_v2", GLOBAL_TENSOR, DTYPE_UNDEFINED, 0, NULL},
    {"torch._utils._rebuild_tensor_v3", GLOBAL_TENSOR, DTYPE_UNDEFINED, 0, NULL},
    {"torch._utils._rebuild_parameter", GLOBAL_PARAMETER, DTYPE_UNDEFINED, 0, NULL},
    {"torch._utils._rebuild_parameter_with_state", GLOBAL_PARAMETER, DTYPE_UNDEFINED, 0, NULL},
    {"torch._tensor._rebuild_from_type_v2", GLOBAL_FROM_TYPE, DTYPE_UNDEFINED, 0, NULL},
    {"torch._tensor._rebuild_from_type", GLOBAL_FROM_TYPE, DTYPE_UNDEFINED, 0, NULL},
    {"torch.Tensor", GLOBAL_CLASS, DTYPE_UNDEFINED, 0, NULL},
    {"torch.nn.parameter.Parameter", GLOBAL_CLASS, DTYPE_UNDEFINED, 0, NULL},
    {"torch.nn.parameter.Buffer", GLOBAL_CLASS, DTYPE_UNDEFINED, 0, NULL},
    {"torch.Size", GLOBAL_SIZE, DTYPE_UNDEFINED, 0, NULL},
    STORAGE("Float", DTYPE_FLOAT, 4),
    STORAGE("Double", DTYPE_DOUBLE, 8),
    STORAGE("Half", DTYPE_FLOAT16, 2),
    STORAGE("BFloat16", DTYPE_BFLOAT16, 2),
    STORAGE("Long", DTYPE_INT64, 8),
    STORAGE("Int", DTYPE_INT32, 4),
    STORAGE("Short", DTYPE_INT16, 2),
    STORAGE("Char", DTYPE_INT8, 1),
    STORAGE("Byte", DTYPE_UINT8, 1),
    STORAGE("Bool", DTYPE_BOOL, 1),
    STORAGE("ComplexFloat", DTYPE_COMPLEX64, 8),
    STORAGE("ComplexDouble", DTYPE_COMPLEX128, 16),
    STORAGE("Untyped", DTYPE_UINT8, 1),
    {"torch.storage.UntypedStorage", GLOBAL_STORAGE, DTYPE_UINT8, 1, "tensor"},
    {"torch.storage._UntypedStorage", GLOBAL_STORAGE, DTYPE_UINT8, 1, "tensor"},
    QUANTIZED("QInt8", 1),
    QUANTIZED("QUInt8", 1),
    QUANTIZED("QInt32", 4),
    QUANTIZED("QUInt4x2", 1),
    QUANTIZED("QUInt2x4", 1),
    TYPE("float32", DTYPE_FLOAT),
    TYPE("float64", DTYPE_DOUBLE),
    TYPE("float16", DTYPE_FLOAT16),
    TYPE("bfloat16", DTYPE_BFLOAT16),
    TYPE("int64", DTYPE_INT64),
    TYPE("int32", DTYPE_INT32),
    TYPE("int16", DTYPE_INT16),
    TYPE("int8", DTYPE_INT8),
    TYPE("uint64", DTYPE_UINT64),
    TYPE("uint32", DTYPE_UINT32),
    TYPE("uint16", DTYPE_UINT16),
    TYPE("uint8", DTYPE_UINT8),
    TYPE("bool", DTYPE_BOOL),
    TYPE("complex64", DTYPE_COMPLEX64),
    TYPE("complex128", DTYPE_COMPLEX128),
    TYPE("float8_e4m3fn", DTYPE_FLOAT8E4M3FN),
    TYPE("float8_e4m3fnuz", DTYPE_FLOAT8E4M3FNUZ),
    TYPE("float8_e5m2", DTYPE_FLOAT8E5M2),
    TYPE("float8_e5m2fnuz", DTYPE_FLOAT8E5M2FNUZ),
    TYPE("float8_e8m0fnu", DTYPE_FLOAT8E8M0),
    OTHER("torch._utils._rebuild_sparse_tensor", "sparse tensor"),
    OTHER("torch._utils._rebuild_sparse_csr_tensor", "sparse tensor"),
    OTHER("torch._utils._rebuild_qtensor", "quantized tensor"),
    OTHER("torch._utils._rebuild_meta_tensor_no_storage", "meta tensor (without values)"),
    OTHER("torch._utils._rebuild_nested_tensor", "nested tensor"),
    PLAIN("torch._utils._rebuild_device_tensor_from_numpy", GLOBAL_PARAMETER),
    OTHER("torch._utils._rebuild_device_tensor_from_cpu_tensor", "tensor of a special device"),
    OTHER("torch._utils._rebuild_wrapper_subclass", "tensor of a special class"),
    PLAIN("numpy.core.multiarray._reconstruct", GLOBAL_ARRAY),
    PLAIN("numpy._core.multiarray._reconstruct", GLOBAL_ARRAY),
    PLAIN("numpy.core.numeric._frombuffer", GLOBAL_ARRAY_BUFFER),
    PLAIN("numpy._core.numeric._frombuffer", GLOBAL_ARRAY_BUFFER),
    PLAIN("numpy.dtype", GLOBAL_ARRAY_TYPE),
    PLAIN("_codecs.encode", GLOBAL_ENCODE),
    PLAIN("__builtin__.bytes", GLOBAL_BYTES),
    PLAIN("builtins.bytes", GLOBAL_BYTES),
    PLAIN("__builtin__.bytearray", GLOBAL_BYTES),
    PLAIN("builtins.bytearray", GLOBAL_BYTES),
    PLAIN("torch.jit._pickle.build_intlist", GLOBAL_FIRST),
    PLAIN("torch.jit._pickle.build_doublelist", GLOBAL_FIRST),
    PLAIN("torch.jit._pickle.build_boollist", GLOBAL_FIRST),
    PLAIN("torch.jit._pickle.build_tensorlist", GLOBAL_FIRST),
    PLAIN("torch.jit._pickle.restore_type_tag", GLOBAL_FIRST),
    OTHER("torch.storage._load_from_bytes", "tensor that pickle.dump wrote, not torch.save"),
    OTHER("numpy.core.multiarray.scalar", "NumPy number"),
    OTHER("numpy._core.multiarray.scalar", "NumPy number"),
    OTHER("__builtin__.set", "set"),
    OTHER("builtins.set", "set"),
};

/* module "a.b" and name "c" are "a.b.c". Old files name storages by torch.cuda where torch is meant. */
static bool global_is(const struct global *global, struct text module, struct text name) {
    if (global->kind == GLOBAL_STORAGE && module.length == 10 && memcmp(module.bytes, "torch.cuda", 10) == 0)
        module.length = 5;
    return strlen(global->name) == module.length + 1 + name.length && global->name[module.length] == '.' &&
           memcmp(global->name, module.bytes, module.length) == 0 &&
           memcmp(global->name + module.length + 1, name.bytes, name.length) == 0;
}

static const struct global *find_global(struct text module, struct text name) {
    if (module.length > 64 || name.length > 64)
        return NULL;
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (global_is(&globals[i], module, name))
            return &globals[i];
    return NULL;
}

static int shown(size_t length) {
    return length > 100 ? 100 : (int)length;
}

struct pickle_value *pickle_global(struct pickle *p, struct text module, struct text name) {
    struct pickle_value *value = pickle_new_value(p, VALUE_GLOBAL);
    if (!value)
        return NULL;
    const struct global *known = value->global.known = find_global(module, name);
    value->global.name =
        known ? known->name
              : pool_format(p->pool, "%.*s.%.*s", shown(module.length), module.bytes, shown(name.length), name.bytes);
    if (value->global.name)
        return value;
    fail_memory(p->err, "the checkpoint's values");
    return NULL;
}

static struct pickle_value *make_opaque(struct pickle *p, const struct pickle_value *callable) {
    const char *what = "object";
    if (callable->kind == VALUE_OPAQUE)
        what = callable->opaque.what;
    else if (callable->kind == VALUE_GLOBAL)
        what = callable->global.known && callable->global.known->what ? callable->global.known->what
                                                                      : callable->global.name;
    struct pickle_value *value = pickle_new_value(p, VALUE_OPAQUE);
    if (value)
        value->opaque.what = what;
    return value;
}

/* ---- the functions that torch.save writes calls of ---- */

static const struct pickle_value *argument(const struct pickle_value *arguments, uint32_t i) {
    return i < arguments->items.count ? arguments->items.at[i] : NULL;
}

static struct pickle_value *wrong_arguments(struct pickle *p, const char *name, const char *expected) {
    pickle_fail(p, STATUS_INVALID_MODEL, "%s is called with other arguments than %s", name, expected);
    return NULL;
}

static bool is_true(const struct pickle_value *value) {
    return value && value->kind == VALUE_BOOL && value->truth;
}

/* (storage, offset, size, strides, requires_grad, hooks, [dtype of v3], [metadata]); the first four will do. */
static struct pickle_value *make_tensor(struct pickle *p, const struct pickle_value *callable,
                                        const struct pickle_value *arguments) {
    const char *name = callable->global.name;
    const struct pickle_value *storage = argument(arguments, 0), *offset = argument(arguments, 1),
                              *size = argument(arguments, 2), *strides = argument(arguments, 3), *type = NULL;
    if (strides && storage->kind == VALUE_OPAQUE)
        return make_opaque(p, storage);
    if (!strides || storage->kind != VALUE_STORAGE || offset->kind != VALUE_INT || size->kind != VALUE_TUPLE ||
        strides->kind != VALUE_TUPLE)
        return wrong_arguments(p, name, "a storage, an offset, a size and strides");
    const bool typed = strcmp(name + strlen(name) - 2, "v3") == 0;
    if (typed) {
        type = argument(arguments, 6);
        if (!type || type->kind != VALUE_GLOBAL)
            return wrong_arguments(p, name, "a storage, an offset, a size, strides and a type");
    }
    if (typed && (!type->global.known || type->global.known->kind != GLOBAL_TYPE))
        return make_opaque(p, type);
    const struct pickle_value *metadata = argument(arguments, typed ? 7 : 6);
    struct pickle_value *value = pickle_new_value(p, VALUE_TENSOR);
    if (!value)
        return NULL;
    value->view = pool_alloc(p->pool, sizeof *value->view);
    if (!value->view) {
        fail_memory(p->err, "the checkpoint's values");
        return NULL;
    }
    *value->view =
        (struct tensor_view){.piece = storage->piece,
                             .offset = offset,
                             .size = size,
                             .strides = strides,
                             .type = type ? type->global.known : NULL,
                             .conjugated = is_true(value_get(metadata, "conj")) || is_true(value_get(metadata, "neg")),
                             .at = p->opcode_at};
    return value;
}

/* Tensors and opaque stand-ins for tensors pass unchanged. */
static struct pickle_value *pass_tensor(struct pickle *p, const struct pickle_value *callable,
                                        struct pickle_value *arguments) {
    struct pickle_value *inner = arguments->items.count ? arguments->items.at[0] : NULL;
    if (!inner || (inner->kind != VALUE_TENSOR && inner->kind != VALUE_ARRAY && inner->kind != VALUE_OPAQUE))
        return wrong_arguments(p, callable->global.name, "a tensor");
    return inner;
}

/* (function, class, arguments, attributes): tensors with attributes, which do not matter, and subclasses, which might.
 */
static struct pickle_value *make_from_type(struct pickle *p, const struct pickle_value *callable,
                                           const struct pickle_value *arguments) {
    const struct pickle_value *function = argument(arguments, 0), *cls = argument(arguments, 1);
    struct pickle_value *inner = arguments->items.count > 2 ? arguments->items.at[2] : NULL;
    if (!inner || function->kind != VALUE_GLOBAL || cls->kind != VALUE_GLOBAL || inner->kind != VALUE_TUPLE)
        return wrong_arguments(p, callable->global.name, "a function, a class and arguments");
    if (!cls->global.known || cls->global.known->kind != GLOBAL_CLASS)
        return make_opaque(p, cls);
    /* Functions of this kind cannot nest, or a file could make the calls as deep as it likes. */
    if (function->global.known && function->global.known->kind == GLOBAL_FROM_TYPE)
        return make_opaque(p, cls);
    return pickle_call(p, function, inner);
}

/* OrderedDict(), or in Python 2 OrderedDict([[key, value], ...]); defaultdict(factory). */
static struct pickle_value *make_dict(struct pickle *p, const struct pickle_value *arguments) {
    struct pickle_value *dict = pickle_new_value(p, VALUE_DICT);
    const struct pickle_value *pairs = argument(arguments, 0);
    if (!dict || !pairs || pairs->kind != VALUE_LIST)
        return dict;
    for (uint32_t i = 0; i < pairs->items.count; i++) {
        const struct pickle_value *pair = pairs->items.at[i];
        if ((pair->kind != VALUE_LIST && pair->kind != VALUE_TUPLE) || pair->items.count != 2)
            return wrong_arguments(p, "collections.OrderedDict", "a list of pairs");
        if (*p->objects < 2) {
            pickle_fail(p, STATUS_LIMIT, "the pickle describes more objects than the limit");
            return NULL;
        }
        *p->objects -= 2;
        if (!value_append(p->pool, &dict->items, pair->items.at[0]) ||
            !value_append(p->pool, &dict->items, pair->items.at[1])) {
            fail_memory(p->err, "the checkpoint's values");
            return NULL;
        }
    }
    return dict;
}

static struct pickle_value *make_size(struct pickle *p, struct pickle_value *arguments) {
    struct pickle_value *inner = arguments->items.count == 1 ? arguments->items.at[0] : NULL;
    if (!inner || (inner->kind != VALUE_TUPLE && inner->kind != VALUE_LIST))
        return wrong_arguments(p, "torch.Size", "one tuple");
    return inner;
}

/* Of nothing, or of bytes. */
static struct pickle_value *make_bytes(struct pickle *p, const struct pickle_value *callable,
                                       struct pickle_value *arguments) {
    struct pickle_value *inner = arguments->items.count ? arguments->items.at[0] : NULL;
    if (inner)
        return inner->kind == VALUE_BYTES || inner->kind == VALUE_LATIN ? inner : make_opaque(p, callable);
    struct pickle_value *value = pickle_new_value(p, VALUE_BYTES);
    if (value)
        value->text = (struct text){"", 0};
    return value;
}

static struct pickle_value *first_argument(struct pickle *p, const struct pickle_value *callable,
                                           struct pickle_value *arguments) {
    return arguments->items.count ? arguments->items.at[0] : wrong_arguments(p, callable->global.name, "a value");
}

struct pickle_value *pickle_call(struct pickle *p, const struct pickle_value *callable,
                                 struct pickle_value *arguments) {
    const struct global *known = callable->kind == VALUE_GLOBAL ? callable->global.known : NULL;
    if (!known)
        return make_opaque(p, callable);
    switch (known->kind) {
    case GLOBAL_DICT:
        return make_dict(p, arguments);
    case GLOBAL_SIZE:
        return make_size(p, arguments);
    case GLOBAL_TENSOR:
        return make_tensor(p, callable, arguments);
    case GLOBAL_PARAMETER:
        return pass_tensor(p, callable, arguments);
    case GLOBAL_FROM_TYPE:
        return make_from_type(p, callable, arguments);
    case GLOBAL_FIRST:
        return first_argument(p, callable, arguments);
    case GLOBAL_ARRAY:
        return numpy_new_array(p);
    case GLOBAL_ARRAY_BUFFER:
        return numpy_from_buffer(p, arguments);
    case GLOBAL_ARRAY_TYPE:
        return numpy_new_type(p, arguments);
    case GLOBAL_BYTES:
        return make_bytes(p, callable, arguments);
    case GLOBAL_ENCODE:
        return numpy_encoded(p, arguments);
    default:
        return make_opaque(p, callable);
    }
}

struct pickle_value *pickle_new(struct pickle *p, const struct pickle_value *cls, struct pickle_value *arguments) {
    const struct global *known = cls->kind == VALUE_GLOBAL ? cls->global.known : NULL;
    return known && (known->kind == GLOBAL_DICT || known->kind == GLOBAL_SIZE) ? pickle_call(p, cls, arguments)
                                                                               : make_opaque(p, cls);
}
