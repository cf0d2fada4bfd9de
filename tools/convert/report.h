/* What a conversion does, in words. */
#ifndef LIMNER_TOOLS_CONVERT_REPORT_H
#define LIMNER_TOOLS_CONVERT_REPORT_H

#include "tools/convert/plan.h"

#include <stdio.h>

struct report {
    const char *checkpoint, *template; /* their paths */
    const char *format, *chosen;       /* of the checkpoint */
    const char *beside;                /* dictionaries that fit as well, in quotes; "" as a rule */
    const char *output;                /* NULL: nothing is written */
};

void report_print(struct conversion_plan *plan, const struct report *report, FILE *stream);
/* One line of JSON. */
void report_json(struct conversion_plan *plan, const struct report *report, FILE *stream);
/* The conversion as a map file. */
void report_map(struct conversion_plan *plan, const struct report *report, FILE *stream);

#endif
