/* Attributes and geometry of pooling, which slides windows as a convolution does (ops/conv/window.h). */
#ifndef LIMNER_OPS_POOL_POOL_WINDOW_H
#define LIMNER_OPS_POOL_POOL_WINDOW_H

#include "ops/conv/window.h"
#include "ops/kernels/pool.h"

enum pool_norm { POOL_LARGEST, POOL_AVERAGE, POOL_LP };

/* How pixels lie: [N,C,...], [N,C/16,H,W,16], [N,...,C]. */
enum pool_layout { POOL_PLAIN, POOL_BLOCKED, POOL_CHANNELS_LAST };

/* op->row of a definition. */
struct pool_row {
    enum pool_norm norm;
    enum pool_layout layout;
    bool float_power;    /* attribute p is a float (LpPool 1) */
    const char *blocked; /* the operator of the internal domain that does the same on channel blocks */
};

struct pool_params {
    struct window_params window;
    bool ceil, include_pad, column_major;
    double power; /* POOL_LP */
};

/* One spatial dimension of one call. */
struct pool_axis {
    int64_t in, out, kernel, stride, dilation, pad_begin, pad_end;
};

struct pool_window {
    int64_t outer, inner;           /* pictures, and elements of a pixel */
    int spatial;                    /* 1..3 */
    struct pool_axis axis[SPATIAL]; /* the last `spatial` ones are real, the others have one place */
};

/* Taps first..end-1 of output o that meet an input. */
struct pool_taps {
    int64_t first, end;
};

status pool_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err);
/* The attribute p of LpPool and GlobalLpPool. */
status pool_power_parse(const struct op_call *call, struct attributes *attributes, double *power, struct error *err);

/* STATUS_SHAPE for ranks, lists and kernels that do not fit; STATUS_LIMIT. */
status pool_resolve(const struct op_call *call, struct pool_window *window, struct error *err);
/* The shape of the outputs. */
struct shape pool_shape(const struct op_call *call, const struct pool_window *window);

struct pool_taps pool_taps_of(const struct pool_axis *axis, int64_t o);
/* What an average divides by along this axis: taps on inputs, or with pads also those on pads. */
int64_t pool_count(const struct pool_axis *axis, int64_t o, bool include_pad);

#endif
