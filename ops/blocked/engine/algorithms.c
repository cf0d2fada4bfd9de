#include "ops/blocked/engine/algorithms.h"

#include "ops/blocked/direct.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/grouped.h"
#include "ops/blocked/planes.h"
#include "ops/blocked/winograd/winograd_algorithm.h"

/* A build with chosen operators may know that no convolution of its models has groups (scripts/choose_operators.c). */
#ifdef NO_GROUPS
#define GROUPED
#else
#define GROUPED &planes_algorithm, &grouped_algorithm,
#endif

const struct conv_algorithm *const conv_algorithms[] = {GROUPED & few_outputs_algorithm, &winograd_algorithm,
                                                        &direct_algorithm, NULL};
