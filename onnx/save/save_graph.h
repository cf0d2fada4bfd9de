/* struct graph to GraphProto. */
#ifndef LIMNER_ONNX_SAVE_SAVE_GRAPH_H
#define LIMNER_ONNX_SAVE_SAVE_GRAPH_H

#include "onnx/save/saver.h"

/* *out is NULL when nothing is declared. */
status save_type(struct saver *saver, const struct declared_type *type, Onnx__TypeProto **out);
/* The bytes that load_encoded made. */
status save_encoded(struct saver *saver, const struct text *encoded, Onnx__TypeProto **out);
status save_graph(struct saver *saver, const struct graph *graph, Onnx__GraphProto **out);

#endif
