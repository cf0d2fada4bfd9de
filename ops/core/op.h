/*
 * What an operator is. Every operator is one constant definition in the file of its family, and each file ends in an
 * array of its definitions that ops/operator_files.h lists once. docs/adding-an-operator.md walks through one.
 */
#ifndef LIMNER_OPS_CORE_OP_H
#define LIMNER_OPS_CORE_OP_H

#include "base/box.h"
#include "onnx/graph.h"
#include "ops/kernels/kernels.h"

/* The newest version of ONNX's own operator set that the definitions were checked against. */
#define OPSET_OLDEST 1
#define OPSET_NEWEST 28

/* Operators that only the passes write into a graph. No file may use this domain. */
#define INTERNAL_DOMAIN "limner"
#define INTERNAL_OPSET 1

/* Sets of element types. */
#define TYPE(dtype) (1u << (dtype))
#define TYPES_FLOAT TYPE(DTYPE_FLOAT)
#define TYPES_BOOL TYPE(DTYPE_BOOL)
#define TYPES_INDEX (TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64))
#define TYPES_INTEGER                                                                                   \
    (TYPE(DTYPE_INT8) | TYPE(DTYPE_INT16) | TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64) | TYPE(DTYPE_UINT8) | \
     TYPE(DTYPE_UINT16) | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))
#define TYPES_NUMBER (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_INTEGER)
/* Elements of less than a byte. */
#define TYPES_PACKED \
    (TYPE(DTYPE_INT4) | TYPE(DTYPE_UINT4) | TYPE(DTYPE_INT2) | TYPE(DTYPE_UINT2) | TYPE(DTYPE_FLOAT4E2M1))
#define TYPES_FLOAT8 \
    (TYPE(DTYPE_FLOAT8E4M3FN) | TYPE(DTYPE_FLOAT8E4M3FNUZ) | TYPE(DTYPE_FLOAT8E5M2) | TYPE(DTYPE_FLOAT8E5M2FNUZ))
/* Everything whose elements are whole bytes and can be moved without knowing what they are. */
#define TYPES_WHOLE                                                                                           \
    (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_STRING) | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16) |            \
     TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128) | TYPE(DTYPE_FLOAT8E4M3FN) | TYPE(DTYPE_FLOAT8E4M3FNUZ) | \
     TYPE(DTYPE_FLOAT8E5M2) | TYPE(DTYPE_FLOAT8E5M2FNUZ) | TYPE(DTYPE_FLOAT8E8M0))

/* Kinds of values that are no plain tensors (base/box.h). A node with such an output is planned when it runs. */
#define TYPES_BOXED (TYPE(DTYPE_SEQUENCE) | TYPE(DTYPE_OPTIONAL) | TYPE(DTYPE_MAP))

enum op_arg_flags {
    ARG_OPTIONAL = 1, /* may be left out */
    ARG_VARIADIC = 2, /* the last one: one or more of it */
    ARG_PACKED = 4,   /* read only while packing: any alignment will do, and its pages are let go afterwards */
    ARG_UNREAD = 8,   /* only its shape is looked at (Shape, Size), never its values */
    ARG_STATED = 16,  /* an output whose type attributes may state; else its variable gives it (output_type) */
    /* The type variable, as in the specification's type constraints: all arguments of one variable have one element
       type. They list the same types. An argument without one is held to its own types alone. */
    ARG_T = 1 << 8,
    ARG_T1 = 2 << 8,
    ARG_T2 = 3 << 8,
    ARG_T3 = 4 << 8,
    ARG_T4 = 5 << 8
};

/* A formal input or output. A list of them ends with name == NULL. */
struct op_arg {
    const char *name;
    uint32_t types;
    unsigned flags; /* enum op_arg_flags */
};

/* Arguments with the end of their list, within a definition. LIST is for arrays that have their type. */
#define LIST(...)      \
    {                  \
        __VA_ARGS__, { \
            0          \
        }              \
    }
#define ARGS(...) ((const struct op_arg[])LIST(__VA_ARGS__))

struct attributes;   /* the attribute reader, attributes.h */
struct weight_cache; /* packed weights, ops/weights/weight_cache.h */
struct op;
struct op_facts; /* op_facts.h */

/* Pixels, red, green and blue, 8 bits each, on the heap; the receiver's to free(). */
struct image {
    int64_t width, height;
    unsigned char *samples;
};
/* Decodes a picture's file. */
struct image_hook {
    status (*decode)(void *context, const void *data, size_t bytes, struct image *image, struct error *err);
    void *context;
};

/* One node as its operator sees it, from parse to release. */
struct op_call {
    const struct op *op;
    const struct node *node;
    int opset;          /* version of the node's domain that the model imports */
    const void *params; /* what parse() made: op->params_size bytes */
    int input_count, output_count;
    const struct tensor *const *inputs; /* NULL: left out. data NULL: value not known before run (see infer) */
    struct tensor *const *outputs;      /* NULL: not wanted */
    void *state;                        /* op->state_size zeroed bytes, from prepare() to release() */
    void *workspace;   /* 64-byte aligned, as many bytes as prepare() asked for; contents are undefined */
    size_t own_bytes;  /* set by prepare(): workspace that each thread has for itself; ... */
    char *own;         /* ... the first one's, 64-byte aligned; the next one's is own_stride on. The */
    size_t own_stride; /* same for all nodes of a plan: it stays in the cache of its processor */
    const struct kernels *kernels;
    int threads;                     /* of a team, >= 1; never changes a result bit */
    struct weight_cache *weights;    /* where packed constant weights live; NULL: pack into the workspace at run */
    struct value_heap *heap;         /* for run(): boxes and characters of strings; NULL: none can be made */
    const struct image_hook *images; /* NULL, or without decode: none can be decoded */
};

/* What an operator lets the planner do with storage. */
enum op_storage {
    STORAGE_OWN = 0,      /* output 0 needs memory of its own */
    STORAGE_ALIAS = 1,    /* output 0 is input 0 with another shape: the planner gives both the same memory, and run()
                             copies only when the pointers differ */
    STORAGE_IN_PLACE = 2, /* run() may be given an output 0 that lies exactly on one of its inputs of the same byte
                            size, when nobody reads that input afterwards */
    STORAGE_IN_FIRST = 3  /* the same of input 0 alone */
};

struct op {
    const char *name, *domain;
    int16_t since, until; /* opset range that this definition serves; until 0: to OPSET_NEWEST */
    enum op_storage storage;
    uint32_t params_size, state_size;
    const struct op_arg *inputs, *outputs;

    /* Reads and checks the attributes into params (params_size zeroed bytes). NULL: no attributes. Attributes that were
       not asked for are reported by the caller. Node-only knowledge: input values are not at hand. */
    status (*parse)(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);

    /* Describes every wanted output (tensor_describe) from the types and shapes of the inputs. Counts and element types
       were checked against `inputs` by the caller. When it needs an input's values and its data is NULL, returns
       STATUS_NEEDS_VALUE (op_needs()) and the node is planned when it runs. Never NULL. */
    status (*infer)(struct op_call *call, struct error *err);

    /* The element type of an output that no input's type variable gives, from attributes (Cast). inputs and outputs are
       not at hand. Of an ARG_STATED output DTYPE_UNDEFINED says that they do not. NULL: there is no such output. */
    enum dtype (*output_type)(const struct op_call *call, int output);

    /* Picks kernels, packs constant weights, and asks for workspace. Shapes of inputs and outputs are known. NULL:
       nothing to do. After an error release() is called too. */
    status (*prepare)(struct op_call *call, size_t *workspace_bytes, struct error *err);

    /* Computes the outputs. No allocation, no parsing. Never NULL. */
    status (*run)(struct op_call *call, struct error *err);

    /* Undoes prepare(); the state may be half made. NULL: nothing to undo. */
    void (*release)(struct op_call *call);

    /* Multiply-accumulates of one run. NULL: none to speak of. */
    double (*macs)(const struct op_call *call);

    /* What passes and tools ask of it. NULL: every answer is no. */
    const struct op_facts *facts;

    /* Row of a family engine's table, for definitions that share their functions; NULL else. */
    const void *row;
};

/* The formal argument that actual number i belongs to; the last variadic one takes the rest. NULL beyond the list. */
const struct op_arg *op_argument(const struct op_arg *arguments, int i);

/* "input 1 (W)" for messages, into text; returns text. */
#define ARG_TEXT_BYTES 64
const char *op_input_text(const struct op_call *call, int i, char text[ARG_TEXT_BYTES]);

/* Input i or NULL when it is left out or beyond the list. */
static inline const struct tensor *op_input(const struct op_call *call, int i) {
    return i < call->input_count ? call->inputs[i] : NULL;
}
static inline struct tensor *op_output(const struct op_call *call, int i) {
    return i < call->output_count ? call->outputs[i] : NULL;
}
/* STATUS_NEEDS_VALUE with a message that names the input. */
status op_needs(const struct op_call *call, int input, struct error *err);
/* True when input i is there but its values are not known yet. */
static inline bool op_unknown(const struct op_call *call, int i) {
    const struct tensor *t = op_input(call, i);
    return t && !t->data && t->bytes > 0;
}

/*
 * Reads an INT32 or INT64 tensor of rank <= 1 (shapes, axes, pads) into values[capacity]; *count is how many.
 * STATUS_NEEDS_VALUE when its data is not known; STATUS_LIMIT above capacity.
 */
status op_input_ints(const struct op_call *call, int input, int64_t *values, int capacity, int *count,
                     struct error *err);

/* axis in -rank..rank-1 made 0..rank-1; STATUS_INVALID_MODEL with the range in the message. what: "axis", "axes[2]". */
status op_axis(int64_t axis, int rank, int *out, const char *what, struct error *err);

#endif
