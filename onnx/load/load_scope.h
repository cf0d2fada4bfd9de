/* Names and the values they stand for, across subgraphs and function bodies. */
#ifndef LIMNER_ONNX_LOAD_LOAD_SCOPE_H
#define LIMNER_ONNX_LOAD_LOAD_SCOPE_H

#include "onnx/load/loader.h"

/* "" for NULL. */
const char *load_or_empty(const char *text);
status load_string(struct loader *loader, const char *text, const char **out);
/* NULL for absent and empty texts. */
status load_doc(struct loader *loader, const char *text, const char **out);
status load_metadata(struct loader *loader, size_t count, Onnx__StringStringEntryProto *const *entries,
                     struct metadata **out, int *out_count);
/* Adds a value under this name, which may not be there yet. In a function's body, and in the subgraphs there, the value
   itself gets a made-up name that is unique in the model. */
status scope_define(struct loader *loader, struct scope *scope, const char *name, int *index);
/* Index of the name, captured from the scopes around when it is not here; NAME_ABSENT when it is nowhere. */
status scope_find(struct loader *loader, struct scope *scope, const char *name, int *index);
void scope_close(struct scope *scope);
/* STATUS_LIMIT when the graph has taken too much memory. */
status load_check_memory(struct loader *loader);

/* Adds an operator set to the model; two versions of one domain are an error. */
status load_opset(struct loader *loader, const char *domain, int64_t version);
/* A node is of the (canonical) domain. If the model imports no version of it and it is one that limner knows, it is as
 * if the newest one were imported, as onnxruntime has it: its optimizer writes nodes of com.microsoft without. */
status load_opset_unsaid(struct loader *loader, const char *domain);

#endif
