#include "tools/convert/scope.h"

#include <string.h>

#define NAME_SCOPES "pkg.torch.onnx.name_scopes"
#define RULE_NAME "pkg.onnxscript.rewriter.rule_name"

/* "['', 'encoder', 'encoder.0', 'conv2d']": the last but one is the module's path, "" the whole network. */
static const char *from_scopes(const char *text, struct pool *pool, bool *lost) {
    const char *last = NULL, *before = NULL;
    size_t last_length = 0, before_length = 0;
    for (const char *p = text; *p;) {
        const char quote = *p++;
        if (quote != '\'' && quote != '"')
            continue;
        const char *end = strchr(p, quote);
        if (!end)
            return NULL;
        before = last;
        before_length = last_length;
        last = p;
        last_length = (size_t)(end - p);
        p = end + 1;
    }
    if (!before)
        return NULL;
    const char *path = pool_string(pool, before, before_length);
    *lost |= !path;
    return path;
}

/*
 * "/middle/middle.0/conv_block/conv_block.1/Conv" is middle.0.conv_block.1: a part that repeats the one before and goes
 * on after a dot stands in its place.
 */
static const char *from_name(const char *name, struct pool *pool, bool *lost) {
    const size_t length = strlen(name);
    char *path = pool_alloc(pool, length + 1);
    if (!path) {
        *lost = true;
        return NULL;
    }
    size_t used = 0, part_at = 0;
    for (const char *part = name + 1, *end = strchr(part, '/'); end; part = end + 1, end = strchr(part, '/')) {
        const size_t size = (size_t)(end - part), before = used - part_at;
        const bool repeats = used && size > before && part[before] == '.' && memcmp(part, path + part_at, before) == 0;
        if (repeats)
            used = part_at;
        else if (used)
            path[used++] = '.';
        part_at = used;
        memcpy(path + used, part, size);
        used += size;
    }
    path[used] = 0;
    return path;
}

const char *scope_of(const struct node *node, struct pool *pool, bool *precise, bool *lost) {
    *precise = false;
    for (int i = 0; i < node->metadata_count; i++)
        if (strcmp(node->metadata[i].key, NAME_SCOPES) == 0) {
            *precise = true;
            return from_scopes(node->metadata[i].value, pool, lost);
        }
    return node->name[0] == '/' ? from_name(node->name, pool, lost) : NULL;
}

bool scope_notes_fold(const struct node *node) {
    for (int i = 0; i < node->metadata_count; i++)
        if (strcmp(node->metadata[i].key, RULE_NAME) == 0 && strstr(node->metadata[i].value, "FuseBatchNorm"))
            return true;
    return false;
}
