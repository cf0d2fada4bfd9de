/* NumPy arrays in pickles: what the calls that make them say, never run. */
#ifndef LIMNER_TOOLS_CHECKPOINT_NUMPY_PICKLE_H
#define LIMNER_TOOLS_CHECKPOINT_NUMPY_PICKLE_H

#include "tools/checkpoint/pickle_machine.h"

/* Parts that are not there yet, or not of the kind that NumPy writes, are NULL. */
struct numpy_array {
    const struct pickle_value *shape; /* a tuple */
    const struct pickle_value *type;  /* VALUE_ARRAY_TYPE */
    const struct pickle_value *data;  /* VALUE_BYTES or VALUE_LATIN */
    bool columns_first;               /* Fortran's order */
};

/* Values for the calls; NULL after a failure. */
struct pickle_value *numpy_new_array(struct pickle *pickle);
struct pickle_value *numpy_from_buffer(struct pickle *pickle, const struct pickle_value *arguments);
struct pickle_value *numpy_new_type(struct pickle *pickle, const struct pickle_value *arguments);
/* _codecs.encode(text, "latin1"): how bytes stand in protocol 2. Opaque for another encoding. */
struct pickle_value *numpy_encoded(struct pickle *pickle, const struct pickle_value *arguments);
/* What BUILD gives to a VALUE_ARRAY or VALUE_ARRAY_TYPE. */
void numpy_build(struct pickle_value *target, const struct pickle_value *state);

#endif
