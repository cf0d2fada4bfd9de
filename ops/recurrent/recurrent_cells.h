/* What RNN, LSTM and GRU do with the sums of their gates. */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_CELLS_H
#define LIMNER_OPS_RECURRENT_RECURRENT_CELLS_H

#include "ops/recurrent/recurrent_problem.h"

/* One step of one sequence. All are arrays of `hidden` numbers, gates one behind the other. */
struct recurrent_step {
    const struct kernels *kernels;
    const struct recurrent_params *params;
    const struct recurrent_activation *activations;
    int64_t hidden;
    void *sums;            /* of the inputs with all biases, but for `rest_bias`; may be written to */
    void *recurrent;       /* sums of the first gates; may be written to */
    void *rest;            /* sums of the other gates, when finishing; */
    const void *rest_bias; /* GRU with linear_before_reset: the recurrent bias of the last gate; NULL: none */
    const void *peepholes; /* LSTM; NULL: none */
    void *state, *cell;    /* the present ones, replaced */
    void *reset;           /* GRU: what the first gates leave of the state */
};

/* Ends the step, or, where there are other gates, prepares it by writing `reset`: then `finish` ends it. */
typedef void recurrent_cell(const struct recurrent_step *step);
struct recurrent_cells {
    recurrent_cell *begin, *finish;
};
struct recurrent_cells recurrent_cells(enum recurrent_kind kind, enum dtype dtype);

#endif
