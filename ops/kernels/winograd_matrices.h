/*
 * The matrices of Winograd, for one dimension. F(m, r) multiplies polynomials by their values at m + r - 2 points and
 * at infinity (Cook and Toom), one element for each: BT transforms inputs, G weights, AT the products.
 */
#ifndef LIMNER_OPS_KERNELS_WINOGRAD_MATRICES_H
#define LIMNER_OPS_KERNELS_WINOGRAD_MATRICES_H

#include "ops/kernels/kernels.h"

#define WINOGRAD_STEPS 14 /* of a matrix, at most */
/* Columns of a matrix: the elements (or inputs), then the steps. */
#define WINOGRAD_COLUMNS (WINOGRAD_ELEMENTS + WINOGRAD_STEPS)

/* Points 0, 1, infinity. */
static const double input_2_2[][WINOGRAD_COLUMNS] = {{1, -1}, {0, 1}, {0, -1, 1}};
static const double output_2_2[][WINOGRAD_COLUMNS] = {{1, 1}, {0, 1, 1}};
/* Points 0, 1, -1, infinity. */
static const double input_2_3[][WINOGRAD_COLUMNS] = {{1, 0, -1}, {0, 1, 1}, {0, -1, 1}, {0, -1, 0, 1}};
static const double output_2_3[][WINOGRAD_COLUMNS] = {{1, 1, 1}, {0, 1, -1, 1}};
/*
 * Steps are sums that several elements, or outputs, share; a matrix has columns for them behind the others. Of inputs:
 * each but the first, minus 3 times the one before it (in F(4, 2) plus), a factor of the polynomials of all points but
 * that one; and even and odd terms, which points a and -a share up to the sign.
 */
/* Points 0, 3/4, -3/4, -3, infinity. */
static const double steps_in_4_2[][WINOGRAD_COLUMNS] = {{3, 1}, {0, 3, 1}, {0, 0, 3, 1}, {0, 0, 0, 3, 1}};
static const double input_4_2[][WINOGRAD_COLUMNS] = {{0, 0, 0, 0, 0, 1 / 3.0, 0, -16 / 27.0},
                                                     {0, 0, 0, 0, 0, 0, 0.75, 1},
                                                     {0, 0, 0, 0, 0, 0, -0.75, 1},
                                                     {0, -0.5625, 0, 1},
                                                     {0, 0, 0, 0, 0, 0, -0.5625, 0, 1}};
static const double output_4_2[][WINOGRAD_COLUMNS] = {
    {1, 32 / 135.0, 32 / 81.0, -16 / 405.0},
    {0, 32 / 135.0 * 0.75, 32 / 81.0 * -0.75, -16 / 405.0 * -3},
    {0, 32 / 135.0 * 0.5625, 32 / 81.0 * 0.5625, -16 / 405.0 * 9},
    {0, 32 / 135.0 * 0.421875, 32 / 81.0 * -0.421875, -16 / 405.0 * -27, 1}};
/* Points 0, 1, -1, 1/2, -1/2, 3/2, -3/2, 3, infinity: of small fractions these lose the fewest digits. */
static const double steps_in_8_2[][WINOGRAD_COLUMNS] = {{-3, 1},
                                                        {0, -3, 1},
                                                        {0, 0, -3, 1},
                                                        {0, 0, 0, -3, 1},
                                                        {0, 0, 0, 0, -3, 1},
                                                        {0, 0, 0, 0, 0, -3, 1},
                                                        {0, 0, 0, 0, 0, 0, -3, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, -3, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5625, 0, -2.5, 0, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5625, 0, -2.5, 0, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2.25, 0, -3.25, 0, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2.25, 0, -3.25, 0, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0, -1.25, 0, 1},
                                                        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0, -1.25, 0, 1}};
static const double input_8_2[][WINOGRAD_COLUMNS] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, -1 / 3.0, 0, 49 / 27.0, 0, -56 / 27.0, 0, 16 / 27.0},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.5, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.5, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1.5, 1},
    {0, -0.5625, 0, 3.0625, 0, -3.5, 0, 1},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.5625, 0, 3.0625, 0, -3.5, 0, 1}};
static const double steps_out_8_2[][WINOGRAD_COLUMNS] = {{0, 4 / 15.0, 2 / 15.0},
                                                         {0, 4 / 15.0, -2 / 15.0},
                                                         {0, 0, 0, -4 / 15.0, -4 / 21.0},
                                                         {0, 0, 0, -4 / 15.0, 4 / 21.0},
                                                         {0, 0, 0, 0, 0, -8 / 135.0, -8 / 405.0},
                                                         {0, 0, 0, 0, 0, -8 / 135.0, 8 / 405.0}};
static const double output_8_2[][WINOGRAD_COLUMNS] = {
    {1, 0, 0, 0, 0, 0, 0, 2 / 2835.0, 0, 1, 0, 1, 0, 1},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 3, 0, 0, 1, 0, 0.5, 0, 1.5},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 9, 0, 1, 0, 0.25, 0, 2.25},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 27, 0, 0, 1, 0, 0.125, 0, 3.375},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 81, 0, 1, 0, 0.0625, 0, 5.0625},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 243, 0, 0, 1, 0, 0.03125, 0, 7.59375},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 729, 0, 1, 0, 0.015625, 0, 11.390625},
    {0, 0, 0, 0, 0, 0, 0, 2 / 2835.0 * 2187, 1, 0, 1, 0, 0.0078125, 0, 17.0859375}};
/* Points 0, 3/2, -3/2, 2/3, -2/3, infinity. */
static const double steps_in_4_3[][WINOGRAD_COLUMNS] = {
    {0, -4 / 9.0, 0, 1}, {0, 0, -4 / 9.0, 0, 1}, {0, -2.25, 0, 1}, {0, 0, -2.25, 0, 1}};
static const double input_4_3[][WINOGRAD_COLUMNS] = {{1, 0, -97 / 36.0, 0, 1},
                                                     {0, 0, 0, 0, 0, 0, 1.5, 1},
                                                     {0, 0, 0, 0, 0, 0, -1.5, 1},
                                                     {0, 0, 0, 0, 0, 0, 0, 0, 2 / 3.0, 1},
                                                     {0, 0, 0, 0, 0, 0, 0, 0, -2 / 3.0, 1},
                                                     {0, 1, 0, -97 / 36.0, 0, 1}};
static const double steps_out_4_3[][WINOGRAD_COLUMNS] = {{0, 1, 1}, {0, 1, -1}, {0, 0, 0, 1, 1}, {0, 0, 0, 1, -1}};
static const double output_4_3[][WINOGRAD_COLUMNS] = {{1, 0, 0, 0, 0, 0, 1, 0, 1},
                                                      {0, 0, 0, 0, 0, 0, 0, 1.5, 0, 2 / 3.0},
                                                      {0, 0, 0, 0, 0, 0, 2.25, 0, 4 / 9.0},
                                                      {0, 0, 0, 0, 0, 1, 0, 3.375, 0, 8 / 27.0}};
/* F(2, 3) and F(4, 3) of stride 2: F(2, 2) and F(4, 2) of the outer taps, at every second input; then an element of the
   inner tap for every input in between. */
static const double input_2_3_STRIDE_2[][WINOGRAD_COLUMNS] = {
    {1, 0, -1}, {0, 0, 1}, {0, 0, -1, 0, 1}, {0, 1}, {0, 0, 0, 1}};
static const double output_2_3_STRIDE_2[][WINOGRAD_COLUMNS] = {{1, 1, 0, 1}, {0, 1, 1, 0, 1}};
static const double steps_in_4_3_STRIDE_2[][WINOGRAD_COLUMNS] = {
    {3, 0, 1}, {0, 0, 3, 0, 1}, {0, 0, 0, 0, 3, 0, 1}, {0, 0, 0, 0, 0, 0, 3, 0, 1}};
static const double input_4_3_STRIDE_2[][WINOGRAD_COLUMNS] = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 1 / 3.0, 0, -16 / 27.0},
                                                              {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.75, 1},
                                                              {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.75, 1},
                                                              {0, 0, -0.5625, 0, 0, 0, 1},
                                                              {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.5625, 0, 1},
                                                              {0, 1},
                                                              {0, 0, 0, 1},
                                                              {0, 0, 0, 0, 0, 1},
                                                              {0, 0, 0, 0, 0, 0, 0, 1}};
static const double output_4_3_STRIDE_2[][WINOGRAD_COLUMNS] = {{1, 1, 1, 1, 0, 1},
                                                               {0, 0.75, -0.75, -3, 0, 0, 1},
                                                               {0, 0.5625, 0.5625, 9, 0, 0, 0, 1},
                                                               {0, 0.421875, -0.421875, -27, 1, 0, 0, 0, 1}};

/*
 * Rows of G, for the distinct elements: [1, a, a^2] over the product of the differences of point a from the others;
 * infinity last. For point 0 that product belongs to BT instead, so that this element, like infinity, has a tap as it
 * is for its weight: winograd_pure_tap(). For all points of F(4, 2) and F(8, 2) it belongs to AT: a weight is the first
 * tap + a times the second, winograd_two_term(); at points 1/2 and -1/2 twice that, which additions alone make.
 */
static const double weight_ONE[][3] = {{1}};
static const double weight_2_2[][3] = {{1, 0}, {1, 1}, {0, 1}};
static const double weight_4_2[][3] = {{1, 0}, {1, 0.75}, {1, -0.75}, {1, -3}, {0, 1}};
static const double weight_8_2[][3] = {{1, 0}, {1, 1}, {1, -1}, {2, 1}, {2, -1}, {1, 1.5}, {1, -1.5}, {1, 3}, {0, 1}};
static const double weight_2_3[][3] = {{1, 0, 0}, {1 / 2.0, 1 / 2.0, 1 / 2.0}, {1 / 2.0, -1 / 2.0, 1 / 2.0}, {0, 0, 1}};
static const double weight_4_3[][3] = {{1, 0, 0},
                                       {8 / 65.0, 12 / 65.0, 18 / 65.0},
                                       {8 / 65.0, -12 / 65.0, 18 / 65.0},
                                       {-81 / 130.0, -27 / 65.0, -18 / 65.0},
                                       {-81 / 130.0, 27 / 65.0, -18 / 65.0},
                                       {0, 0, 1}};
static const double weight_2_3_STRIDE_2[][3] = {{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}};
static const double weight_4_3_STRIDE_2[][3] = {
    {1, 0, 0}, {32 / 135.0, 0, 8 / 45.0}, {32 / 81.0, 0, -8 / 27.0}, {-16 / 405.0, 0, 16 / 135.0}, {0, 0, 1},
    {0, 1, 0}};

#endif
