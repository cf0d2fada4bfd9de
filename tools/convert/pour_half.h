/* Weights in half precision, for --half. */
#ifndef LIMNER_TOOLS_CONVERT_POUR_HALF_H
#define LIMNER_TOOLS_CONVERT_POUR_HALF_H

#include "tools/convert/pour.h"

/* Stores float weights of two and more dimensions as float16, each with a Cast to float behind it. */
status pour_half(struct conversion_plan *plan, struct error *err);

#endif
