#include "ops/blocked/engine/algorithms.h"

#include "ops/blocked/direct.h"
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/grouped.h"
#include "ops/blocked/winograd/winograd_algorithm.h"

const struct conv_algorithm *const conv_algorithms[] = {&grouped_algorithm, &few_outputs_algorithm, &winograd_algorithm,
                                                        &direct_algorithm, NULL};
