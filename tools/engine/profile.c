#include "tools/engine/profile.h"

#include "tools/cli/output.h"

#include <stdlib.h>

static int slowest_first(const void *left, const void *right) {
    const limner_node_profile *a = left, *b = right;
    return (a->milliseconds < b->milliseconds) - (a->milliseconds > b->milliseconds);
}

static size_t count_nodes(const struct engine *engine) {
    limner_node_profile node = LIMNER_NODE_PROFILE_INIT;
    size_t count = 0;
    while (limner_session_profile(engine->session, count, &node) == LIMNER_OK)
        count++;
    return count;
}

static void print_node(const limner_node_profile *node, double total) {
    struct shape shape = {node->rank < 0 ? 0 : node->rank, {0}};
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = node->dims[d];
    char text[SHAPE_TEXT_BYTES], speed[32] = "-";
    if (node->macs > 0 && node->milliseconds > 0)
        snprintf(speed, sizeof speed, "%.1f", 2 * node->macs / node->milliseconds / 1e6);
    say(stdout, "%10.3f %6.1f%% %9s  %-24s %-20s %s\n", node->milliseconds,
        total > 0 ? 100 * node->milliseconds / total : 0, speed, node->op_type, shape_text(&shape, text), node->name);
}

status print_profile(const struct engine *engine, struct error *err) {
    const size_t count = count_nodes(engine);
    limner_node_profile *nodes = calloc(count + 1, sizeof *nodes);
    if (!nodes)
        return fail_memory(err, "the profile");
    double total = 0, macs = 0;
    for (size_t i = 0; i < count; i++) {
        nodes[i].size = sizeof nodes[i];
        limner_session_profile(engine->session, i, &nodes[i]);
        total += nodes[i].milliseconds;
        macs += nodes[i].macs;
    }
    qsort(nodes, count, sizeof *nodes, slowest_first);
    printf("%10s %7s %9s  %-24s %-20s %s\n", "ms", "share", "GFLOP/s", "operator", "output", "node");
    for (size_t i = 0; i < count; i++)
        print_node(&nodes[i], total);
    printf("%10.3f %6.1f%% %9.1f  total: nodes %zu, threads %d, %s\n", total, 100.0,
           total > 0 ? 2 * macs / total / 1e6 : 0, count, limner_session_threads(engine->session),
           limner_session_cpu(engine->session));
    free(nodes);
    return STATUS_OK;
}

static void json_node(struct json *json, const limner_node_profile *node) {
    json_object(json, NULL);
    json_text(json, "operator", node->op_type);
    json_text(json, "name", node->name);
    json_array(json, "shape");
    for (int d = 0; d < node->rank; d++)
        json_integer(json, NULL, node->dims[d]);
    json_close(json, ']');
    json_number(json, "mean_ms", node->milliseconds, 4);
    json_number(json, "min_ms", node->fastest, 4);
    json_number(json, "macs", node->macs, 0);
    json_number(json, "bytes", node->bytes, 0);
    json_close(json, '}');
}

void json_profile(struct json *json, const char *key, const struct engine *engine) {
    limner_node_profile node = LIMNER_NODE_PROFILE_INIT;
    json_array(json, key);
    for (size_t i = 0; limner_session_profile(engine->session, i, &node) == LIMNER_OK; i++)
        json_node(json, &node);
    json_close(json, ']');
}
