/*
 * What passes and tools may ask of an operator, so that they need not know it by name. A fact of struct op that is
 * left out says no. Callbacks are asked after parse(). The call's inputs are those of the node: constant ones have
 * `constant` set and their shape; data too, aligned, where they are numbers or lists (rank 0 or 1). Of the others the
 * type is known or DTYPE_UNDEFINED, the shape is not known. Outputs that nobody reads are NULL.
 */
#ifndef LIMNER_OPS_CORE_OP_FACTS_H
#define LIMNER_OPS_CORE_OP_FACTS_H

#include "ops/core/activation.h"
#include "ops/core/op.h"
#include "ops/core/op_control.h"

/* What an operator of the internal domain does besides, where the node has the attributes or the input for it. */
enum op_fuses {
    FUSES_ACTIVATION = 1, /* attributes "activation" and "activation_params" (activation.h), last of all */
    FUSES_SCALE = 2,      /* input 3: a factor for each output channel of the weights */
    FUSES_ADDITION = 4    /* input 3: a tensor that is added, before the activation */
};

/* What a Pad adds at the borders of the spatial dimensions. */
struct op_padding {
    const char *mode;
    int rank; /* of what is padded */
    int64_t begin[MAX_RANK], end[MAX_RANK];
};

/*
 * Input 0 is multiplied by the weights in input 1, and input 2, the bias, is added. Output channels lie so in the
 * weights: element e belongs to channel e / inner / per_group / rows * per_group + e / inner % per_group.
 */
struct op_linear {
    int64_t channels, inner, per_group, rows;
    float bias_factor;       /* what the bias is multiplied by */
    const char *factor_name; /* the attribute that says so; NULL: there is none, it is 1 */
    bool bias_broadcasts;    /* the bias may be one number, or have rank 2 */
};

/* The operators of the internal domain that bring a plain tensor into channel blocks, and back; attribute "channels".
 */
#define OP_TO_BLOCKS "Block"
#define OP_FROM_BLOCKS "Unblock"

/*
 * The operators of the internal domain that stand between a type that is not computed with as it is and the one that
 * is: from a 16-bit type to float, from a packed one to a byte for each element; back, which is exact; and floats
 * rounded to what a 16-bit type holds. Attribute "to" of the last two: the narrow type.
 */
#define OP_WIDEN "Widen"
#define OP_NARROW "Narrow"
#define OP_ROUND "Round"

/* The operators of the internal domain that are functions which files spell out: x sigmoid(x), x/2 (1 + erf(x / sqrt
 * 2)).
 */
#define OP_SWISH "Swish"
#define OP_GELU "Gelu"

/* What output 0 is of the inputs, for functions that are put together of several nodes. */
enum op_formula { FORMULA_NONE, FORMULA_SUM, FORMULA_PRODUCT, FORMULA_QUOTIENT, FORMULA_ERF };

/* How a node works on channel blocks (channel_blocks.h). */
struct op_blocking {
    const char *op_type; /* the operator of the internal domain that takes its place and reads input 0; NULL: the
                            operator itself does, and reads all inputs that are in blocks */
    int64_t in;          /* channels of input 0, which is brought into blocks if it is not; 0: it is taken as it is */
    int64_t out;         /* channels of output 0, which is in blocks; 0: it is plain */
    struct attribute attributes[2]; /* that the node has then */
    int attribute_count;
};

/* How far an element of the output sees into the pictures that the inputs are. */
enum op_view { VIEW_WINDOW, VIEW_WHOLE, VIEW_NOTHING, VIEW_UNKNOWN };
struct op_reach {
    enum op_view view;
    double radius;    /* WINDOW: elements of input 0 to a side of the window's middle */
    double step;      /* WINDOW: elements of input 0 from one element of output 0 to the next; above 0 */
    double last_step; /* the same along the last dimension, where it differs; 0: it does not */
    double shift;     /* WINDOW: element i looks round element i * step + shift */
};

struct op_writer;

struct op_facts {
    bool varies;  /* may give something else each time: never computed ahead of a run */
    bool by_type; /* its result depends on the element type that it is given, not on the numbers alone */
    bool carries; /* output 0 has the numbers of input 0, perhaps in another type */
    bool moves;   /* every output has numbers of input 0 alone, in other places */
    enum op_formula formula;
    unsigned fuses;    /* enum op_fuses; of the internal domain */
    const char *fused; /* the operator of the internal domain that does the same and fuses more */
    /* The node runs subgraphs: the runtime does, as these say. NULL: it has none. */
    const struct op_control *control;
    /* Attributes that name values of the node's graph, which it reads; NULL behind the last one. Those values stand
       behind its own inputs (captured_count), NO_VALUE where there is none of that name. NULL: there are none. */
    const char *const *reads;
    const char *shown; /* the name for messages and profiles where it is not op->name */
    /* Writes the nodes that the node stands for, in its place, before anything else is done with it (op_write.h). Of
       its inputs types are known as far as they can be, values not. NULL, or nothing written: it stands for itself. */
    status (*expand)(struct op_writer *writer, struct error *err);
    const char *expands_to; /* what it may write, ONNX's or as domain:Name, between spaces */

    /* Output 0 is input 0. Asked when no other output is read. */
    bool (*is_noop)(const struct op_call *call);
    /* The model's tensor that output 0 always is; NULL: none. */
    const struct tensor *(*constant)(const struct op_call *call);
    /* Output 0 is this activation of input 0. */
    bool (*activation)(const struct op_call *call, struct activation *activation);
    /* Output 0 is input 0 with a border. False where dimensions 0 and 1 get one, or a constant one is not of zeros. */
    bool (*padding)(const struct op_call *call, struct op_padding *padding);
    /* Takes the border of a Pad upon itself: its attribute "pads" as it is, begin of every spatial dimension before the
       ends. False where they are not fixed numbers. */
    bool (*pads)(const struct op_call *call, int spatial, int64_t *pads);
    /* Output 0 is scale[c] * input 0 + shift[c] for all channels c, dimension 1. */
    bool (*affine)(const struct op_call *call, int64_t channels, double *scale, double *shift);
    bool (*linear)(const struct op_call *call, struct op_linear *linear);
    /* A node that makes channel blocks: makes a plain tensor at no more cost when its attribute "blocked_output" is 0.
     */
    bool (*writes_plain)(const struct op_call *call);
    /* channels[i]: of input i where it is in channel blocks, else 0. */
    bool (*blocks)(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking);
    /* sees[i]: input i depends on a picture. NULL: an element sees no further than its own place. */
    void (*reach)(const struct op_call *call, const bool *sees, struct op_reach *reach);

    /* Whether this call and the one behind it, which alone reads its output 0, can run fused, without memory for that
       output. Both are prepared. Asks for the workspace of both, and sets second->own_bytes; or asks for 0 bytes
       where they had better not. NULL: never. */
    status (*fuse)(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err);

    /* Runs both in the second one's workspace; share: the first one's part of the time. NULL without fuse. */
    void (*run_fused)(struct op_call *first, struct op_call *second, double *share);
};

/* The operator's facts; those of none for NULL. */
const struct op_facts *op_facts(const struct op *op);

/* ---- for several operators ---- */

bool op_always(const struct op_call *call);
/* Work on channel blocks of operators that make finite numbers of zeros: of one input, and of two with the same
   channels or of one and a number. */
bool op_blocks_one(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking);
bool op_blocks_two(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking);
void op_reach_whole(const struct op_call *call, const bool *sees, struct op_reach *reach);
void op_reach_nothing(const struct op_call *call, const bool *sees, struct op_reach *reach);
void op_reach_unknown(const struct op_call *call, const bool *sees, struct op_reach *reach);
/* A product of two matrices: of what one sees, or of everything. */
void op_reach_product(const struct op_call *call, const bool *sees, struct op_reach *reach);
/* A window that is one element: offsets[i] beside its place along axes[i], or along dimension i where axes is NULL. */
void op_reach_beside(const int64_t *axes, const int64_t *offsets, int64_t count, struct op_reach *reach);
/* Constant input i as a list of int64 with its data at hand; NULL without. */
const int64_t *op_constant_ints(const struct op_call *call, int i, int64_t *count);

#endif
