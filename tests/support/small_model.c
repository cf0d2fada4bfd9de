#include "tests/support/small_model.h"

struct proto small_model(void) {
    struct proto graph = {0}, entry = {0};
    proto_node(&graph, GRAPH_NODE, "Relu", "first", "x", "y", NULL);
    proto_node(&graph, GRAPH_NODE, "Add", "second", "y w", "z", NULL);
    proto_text(&graph, GRAPH_NAME, "small");
    proto_initializer(&graph, "w", 4);
    proto_value(&graph, GRAPH_INPUT, "x", 2, -1, 4);
    proto_value(&graph, GRAPH_OUTPUT, "z", 2, -1, 4);
    proto_value(&graph, GRAPH_VALUE_INFO, "y", 2, -1, 4);
    struct proto model = proto_model(&graph);
    proto_text(&entry, 1, "made by");
    proto_text(&entry, 2, "hand");
    proto_add(&model, MODEL_METADATA, &entry);
    return model;
}
