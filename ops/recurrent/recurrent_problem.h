/*
 * RNN, LSTM and GRU: layers that go through sequences step by step, in one or both directions. What they have in common
 * is here: attributes, shapes, the products and the order of steps. A cell (recurrent_cells.c) makes the next state of
 * a sequence out of the sums of its gates.
 */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_PROBLEM_H
#define LIMNER_OPS_RECURRENT_RECURRENT_PROBLEM_H

#include "ops/recurrent/recurrent_activation.h"

#define RECURRENT_ACTIVATIONS 3 /* of a direction, at most */
#define RECURRENT_GATES 4       /* at most */

enum recurrent_input {
    IN_X,
    IN_W,
    IN_R,
    IN_B,
    IN_LENGTHS,
    IN_STATE,
    IN_CELL,
    IN_PEEPHOLES,
    /* RoundedLSTM: X, W and R are whole numbers, whose products these make real ones: one, and one each of the
       directions or of the columns. */
    IN_X_SCALE,
    IN_W_SCALE,
    IN_R_SCALE
};
enum recurrent_output { OUT_SEQUENCE, OUT_STATE, OUT_CELL };

enum recurrent_kind { RECURRENT_RNN, RECURRENT_LSTM, RECURRENT_GRU };

struct recurrent_params {
    enum recurrent_kind kind;
    int directions;
    bool backward; /* the first direction goes from the end */
    bool batch_first;
    bool input_forget, linear_before_reset;
    bool rounded; /* the state meets its weights rounded to 8 bits: recurrent_round.h */
    float clip;   /* 0: none */
    int64_t hidden;
    struct recurrent_activation activations[2][RECURRENT_ACTIVATIONS];
};

/* Sizes of a call. */
struct recurrent_sizes {
    int64_t steps, batch, inputs, hidden, directions;
    int64_t gates;       /* that the cell has */
    int64_t first_gates; /* whose recurrent sums are made of the state as it is; the others are made of what the first
                            ones leave of it (GRU) */
};

#endif
