/*
 * Few output channels, into plain tensors: input rows are turned into planes, one line for every channel, and then
 * pixels that lie side by side are the lanes of the sums. A thread goes down a band of rows and keeps the turned ones
 * that the next outputs meet again. With a single output channel two rows of outputs stand for two channels in all taps
 * that they share, because reading the pixels would take longer than multiplying them.
 */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm few_outputs_algorithm;

#endif
