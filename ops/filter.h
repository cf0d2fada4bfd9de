/*
 * Convolutions by minimal filtering (Winograd; Cook and Toom): fewer products for the same sums. In each of the last
 * two dimensions m outputs of an r-tap filter take m + r - 1 products instead of m * r.
 *
 * A lattice qualifies where neighbouring points and neighbouring taps step equally through the input. Those that do not
 * are cut into ones that do: dilation d into d interleaved sets of points, stride s into s interleaved sets of taps
 * (the parts, summed up before the outputs are formed).
 */
#ifndef LIMNER_OPS_FILTER_H
#define LIMNER_OPS_FILTER_H

#include "ops/gemm.h"
#include "ops/window.h"

#define FILTER_PARTS 4

struct filter_axis {
    enum filter_kind kind;
    int outputs, taps, points; /* m, r, m + r - 1 */
    int64_t step;              /* from one point, and one tap, to the next, in the input */
    int64_t tiles;
};

/* Taps first + t * step and their weights, for each of the two dimensions. */
struct filter_part {
    int64_t first[2], kernel0[2], kernel_step[2];
};

/* One set of points with all its parts. */
struct filter_lattice {
    struct lattice_axis y, x; /* sizes and places of inputs and outputs; taps are in `parts` */
    struct filter_axis axis[2];
    struct filter_part parts[FILTER_PARTS];
    int part_count;
    const float *packed; /* transformed weights (filter_pack); lattices with the same taps share them */
};

/*
 * Cuts a lattice of a window into at most `capacity` lattices for minimal filtering, with the kinds that cost least;
 * their number, or 0 where it does not apply or direct sums cost less. They share their weights.
 */
int filter_choose(const struct window *window, const struct lattice *lattice, const struct gemm_kernel *kernel,
                  struct filter_lattice *lattices, int capacity);

/* Floats of a lattice's transformed weights, all groups. */
int64_t filter_weight_floats(const struct window *window, const struct filter_lattice *lattice);

/* Where a kernel's element stands in W, in elements; and from one channel or row to the next. */
struct filter_weights {
    const void *source; /* unaligned floats */
    const float *scale; /* [group * row]: every weight of a row is multiplied by it; NULL: 1 */
    int64_t group_stride, row_stride, channel_stride, kernel_width;
};
/* Writes the transformed weights: [group][point][panel][depth][rows of the panel]. */
void filter_pack(const struct window *window, const struct filter_lattice *lattice,
                 const struct filter_weights *weights, const struct gemm_kernel *kernel, int threads, float *packed);

/* One run over a batch. */
struct filter_run {
    const struct window *window;
    const struct filter_lattice *lattices;
    int lattice_count;
    const struct kernels *kernels;
    const struct activation *activation;
    const float *input, *bias; /* bias may be NULL */
    float *output;
    int threads;
    void *workspace;
};
size_t filter_workspace_bytes(const struct window *window, const struct filter_lattice *lattices, int count,
                              const struct kernels *kernels, int threads);
void filter_execute(const struct filter_run *run);

#endif
