/* Between refuse.c, which counts, and refuse_calls.c, which stands in for the system's functions. */
#ifndef LIMNER_TESTS_REFUSE_CALLS_H
#define LIMNER_TESTS_REFUSE_CALLS_H

#include <stdbool.h>

/* Counts a call and says whether it fails; errno is set then, and *number is the refusal's. */
bool refuse_now(unsigned kind, int *number);
/* Memory, a mapping, ... was made (NULL: it was not) or given back. */
void *refuse_made(void *p);
void refuse_gone(const void *p);

#endif
