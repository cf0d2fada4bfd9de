/* Whether a plan of one program fits another: the comparison of two programs. */
#ifndef LIMNER_RUNTIME_PROGRAM_PROGRAM_ALIKE_H
#define LIMNER_RUNTIME_PROGRAM_PROGRAM_ALIKE_H

#include "runtime/program/program.h"

/*
 * The programs are the same but for the values of their constants: nodes with the same operators, attributes and edges,
 * the same outputs, constants of the same types and shapes.
 */
bool program_alike(const struct program *a, const struct program *b);

#endif
