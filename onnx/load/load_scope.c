#include "onnx/load/load_scope.h"

#include "onnx/load/limits.h"
#include "onnx/model.h"

#include <inttypes.h>
#include <string.h>

const char *load_or_empty(const char *text) {
    return text ? text : "";
}

status load_string(struct loader *loader, const char *text, const char **out) {
    *out = "";
    if (!text || !*text)
        return STATUS_OK;
    *out = pool_string(loader->pool, text, strlen(text));
    return *out ? STATUS_OK : fail_memory(loader->err, "a name");
}

status load_doc(struct loader *loader, const char *text, const char **out) {
    if (text && *text)
        return load_string(loader, text, out);
    *out = NULL;
    return STATUS_OK;
}

status load_metadata(struct loader *loader, size_t count, Onnx__StringStringEntryProto *const *entries,
                     struct metadata **out, int *out_count) {
    *out_count = 0;
    if (count == 0)
        return STATUS_OK;
    *out = pool_array(loader->pool, count, sizeof **out);
    if (!*out)
        return fail_memory(loader->err, "metadata");
    for (size_t i = 0; i < count; i++) {
        status result = load_string(loader, entries[i]->key, &(*out)[i].key);
        if (result == STATUS_OK)
            result = load_string(loader, entries[i]->value, &(*out)[i].value);
        if (result != STATUS_OK)
            return result;
    }
    *out_count = (int)count;
    return STATUS_OK;
}

status load_check_memory(struct loader *loader) {
    const size_t limit = 2 * limits_decoded(&loader->limits);
    if (pool_bytes(loader->pool) - loader->expanded <= limit)
        return STATUS_OK;
    return fail(loader->err, STATUS_LIMIT,
                "the graph takes more than %zu bytes of memory (limit skeleton_bytes, eight times)", limit);
}

static status add_value(struct loader *loader, struct graph *graph, const char *name, int *index) {
    if (++loader->values > loader->limits.values)
        return fail(loader->err, STATUS_LIMIT, "the model has more than %zu values (limit values)",
                    loader->limits.values);
    *index = graph_add_value(graph, loader->pool, name);
    return *index >= 0 ? load_check_memory(loader) : fail_memory(loader->err, "a value");
}

/* prefix/name, with a number behind it when that is taken. */
static status generate_name(struct loader *loader, const char *prefix, const char *name, const char **out) {
    const char *text = pool_format(loader->pool, "%s/%s", prefix, name);
    while (text && names_find(&loader->used, text) != NAME_ABSENT)
        text = pool_format(loader->pool, "%s/%s_%zu", prefix, name, ++loader->generated);
    *out = text;
    return text && names_put(&loader->used, text, 0) ? STATUS_OK : fail_memory(loader->err, "a name");
}

status scope_define(struct loader *loader, struct scope *scope, const char *name, int *index) {
    if (names_find(&scope->names, name) != NAME_ABSENT)
        return fail(loader->err, STATUS_INVALID_MODEL, "value " QUOTED " is defined twice", name);
    const char *full = name;
    status result = scope->instance ? generate_name(loader, scope->instance->prefix, name, &full) : STATUS_OK;
    if (result == STATUS_OK)
        result = add_value(loader, scope->graph, full, index);
    if (result == STATUS_OK && !names_put(&scope->names, name, *index))
        return fail_memory(loader->err, "a name");
    return result;
}

/* The value that stands for value `outside` of the graph around. */
static status capture(struct loader *loader, struct scope *scope, int outside, int *index) {
    const char *name = scope->outer->graph->values[outside].name;
    *index = names_find(&scope->captures, name);
    if (*index != NAME_ABSENT)
        return STATUS_OK;
    const status result = add_value(loader, scope->graph, name, index);
    if (result != STATUS_OK)
        return result;
    struct value *value = &scope->graph->values[*index];
    value->is_captured = true;
    value->type = scope->outer->graph->values[outside].type;
    return names_put(&scope->captures, value->name, *index) ? STATUS_OK : fail_memory(loader->err, "a name");
}

status scope_find(struct loader *loader, struct scope *scope, const char *name, int *index) {
    *index = names_find(&scope->names, name);
    if (*index != NAME_ABSENT || !scope->outer)
        return STATUS_OK;
    int outside;
    status result = scope_find(loader, scope->outer, name, &outside);
    *index = outside;
    if (result != STATUS_OK || outside < 0)
        return result;
    result = capture(loader, scope, outside, index);
    if (result == STATUS_OK && !names_put(&scope->names, name, *index))
        return fail_memory(loader->err, "a name");
    return result;
}

void scope_close(struct scope *scope) {
    names_free(&scope->names);
    names_free(&scope->captures);
}

status load_opset(struct loader *loader, const char *domain, int64_t version) {
    struct onnx_model *model = loader->model;
    domain = domain_canonical(domain);
    const int64_t present = onnx_opset(model, domain);
    const char *shown = *domain ? domain : "ai.onnx";
    if (version < 1)
        return fail(loader->err, STATUS_INVALID_MODEL, "operator set \"%.100s\" is imported with version %" PRId64,
                    shown, version);
    if (present == version)
        return STATUS_OK;
    if (present != 0)
        return fail(loader->err, STATUS_INVALID_MODEL,
                    "operator set \"%.100s\" is imported twice, with versions %" PRId64 " and %" PRId64, shown, present,
                    version);
    if (model->opset_count == OPSETS_MAX)
        return fail(loader->err, STATUS_LIMIT, "more than %d operator sets are imported", OPSETS_MAX);
    struct opset *opset = &model->opsets[model->opset_count];
    const status result = load_string(loader, domain, &opset->domain);
    opset->version = version;
    model->opset_count += result == STATUS_OK;
    return result;
}

/* The newest versions that limner knows. */
static const struct opset newest[] = {{"", 28}, {"ai.onnx.ml", 5}, {"com.microsoft", 1}};

status load_opset_unsaid(struct loader *loader, const char *domain) {
    for (size_t i = 0; i < sizeof newest / sizeof newest[0]; i++)
        if (strcmp(newest[i].domain, domain) == 0 && onnx_opset(loader->model, domain) == 0)
            return load_opset(loader, domain, newest[i].version);
    return STATUS_OK;
}
