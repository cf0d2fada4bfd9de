/* Model-local functions: every call is replaced by the function's body, under names of its own. */
#ifndef LIMNER_ONNX_LOAD_LOAD_FUNCTION_H
#define LIMNER_ONNX_LOAD_LOAD_FUNCTION_H

#include "onnx/load/loader.h"

status load_functions(struct loader *loader, const Onnx__ModelProto *proto);
void load_functions_close(struct loader *loader);
/* The function that the node calls, or NULL. */
status load_find_function(struct loader *loader, const Onnx__NodeProto *node, struct function **out);
/* Version of the domain in the function's body that the scope is in; 0: the model's. */
int64_t load_function_opset(const struct loader *loader, const struct scope *scope, const char *domain);
status load_call(struct loader *loader, struct scope *scope, const Onnx__NodeProto *node, struct function *function);

#endif
