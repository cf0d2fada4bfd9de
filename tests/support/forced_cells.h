/*
 * The table of what can be forced. Rows are the algorithms, with their kinds and forms of weights from the enumerations
 * of the code; columns are kernels, strides and dilations. Which cells are legal is found from the taps and steps of
 * every phase, independently of the code under test.
 */
#ifndef LIMNER_TESTS_SUPPORT_FORCED_CELLS_H
#define LIMNER_TESTS_SUPPORT_FORCED_CELLS_H

#include "tests/support/forced_layer.h"

enum cell_special { FIXED, MIXED, MIXED_TRANSPOSED, FUSED };

struct cell_column {
    const char *name;
    bool transposed;
    int64_t kernel[2], stride[2], dilation[2];
    enum cell_special special;
};

struct cell_row {
    const struct conv_algorithm *algorithm;
    bool plain_input;              /* direct, few outputs */
    bool to_blocks;                /* few outputs, of a plain input */
    bool depthwise;                /* grouped, planes: one channel on both sides */
    int64_t rows_together;         /* few outputs */
    enum winograd_weights weights; /* Winograd */
    enum winograd_kind kinds[2];
};

#define MOST_ROWS 128
#define MOST_COLUMNS 64

struct cell_table {
    struct cell_row rows[MOST_ROWS];
    int row_count, column_count;
    int runs[MOST_ROWS][MOST_COLUMNS];
    bool legal[MOST_ROWS][MOST_COLUMNS];
    double worst[MOST_ROWS]; /* error over the bound */
};

extern const struct cell_column forced_columns[];

void cells_list(struct cell_table *table);
/* A problem of a cell whose random numbers are small; false where there is none. */
bool cells_problem(const struct cell_row *row, const struct cell_column *column, struct random *random,
                   struct forced_layer *layer);
/* What the cell's layer must be demanded to be, with random sizes. */
void cells_demand(const struct cell_row *row, const struct cell_column *column, struct random *random,
                  struct forced_layer *layer);
/* Whether kernel, stride and dilation of a problem allow the row. */
bool cells_legal(const struct cell_row *row, const struct conv_problem *problem);
/* Counts a planned call in the rows of its phases, once in each. */
void cells_count(struct cell_table *table, int column, const struct blocked_state *state);
/* The largest error that may be seen in any phase, over the range of the outputs. */
double cells_bound(const struct blocked_state *state);
void cells_name(const struct cell_row *row, char text[64]);
void cells_print(const struct cell_table *table);

#endif
