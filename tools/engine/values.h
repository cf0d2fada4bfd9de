/* Sequences, optionals and maps of files, as a run takes them and as people read them. */
#ifndef LIMNER_TOOLS_ENGINE_VALUES_H
#define LIMNER_TOOLS_ENGINE_VALUES_H

#include "runtime/limner.h"
#include "tools/files/array.h"

/* What was read, as limner.h has it; without a name. Lists of items live in the array's pool. */
status value_tensor(const struct file_array *array, limner_tensor *tensor, struct error *err);
/* The kind of value that a message's file holds, for array_read(): DTYPE_UNDEFINED for tensors. */
enum dtype value_kind(limner_type type);
struct tensor engine_view(const limner_tensor *tensor);
/* The value of an output for people, a line for each tensor in it: its type, its shape, and what its numbers are
 * like or its first strings. */
void value_print(const char *name, const limner_tensor *value);

#endif
