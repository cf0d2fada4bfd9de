#include "tools/checkpoint/storages.h"

#include "base/checked.h"
#include "tools/checkpoint/pickle_global.h"

#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 100

static struct pickle_value *fail_id(struct pickle *p, const char *what) {
    pickle_fail(p, STATUS_INVALID_MODEL, "the reference to a storage is damaged: %s", what);
    return NULL;
}

static struct pickle_value *fail_with_memory(struct pickle *p) {
    fail_memory(p->err, "the checkpoint's storages");
    return NULL;
}

/* A new storage; its bytes are looked for when that can be done at once. */
static status add_storage(struct pickle *p, struct text key, const struct tensor_storage *storage, size_t *index) {
    struct storages *all = p->storages;
    if (all->count >= all->limit)
        return pickle_fail(p, STATUS_LIMIT, "more than %zu storages", all->limit);
    if (all->count == all->capacity) {
        const size_t capacity = all->capacity ? all->capacity * 2 : 64;
        struct tensor_storage *bigger = realloc(all->items, capacity * sizeof *bigger);
        if (!bigger)
            return fail_memory(p->err, "the checkpoint's storages");
        all->items = bigger;
        all->capacity = capacity;
    }
    struct tensor_storage *added = &all->items[all->count];
    *added = *storage;
    added->key = pool_string(p->pool, key.bytes, key.length);
    if (!added->key || !names_put(&all->keys, added->key, (int)all->count))
        return fail_memory(p->err, "the checkpoint's storages");
    *index = all->count++;
    return all->find ? all->find(all->context, added, p->err) : STATUS_OK;
}

/* The storage of this key, a new one or one that was named before. */
static status find_storage(struct pickle *p, struct text key, const struct tensor_storage *wanted, size_t *index) {
    char name[KEY_BYTES + 1];
    if (key.length > KEY_BYTES || memchr(key.bytes, 0, key.length))
        return pickle_fail(p, STATUS_INVALID_MODEL, "the key of a storage is damaged");
    memcpy(name, key.bytes, key.length);
    name[key.length] = 0;
    const int found = names_find(&p->storages->keys, name);
    if (found == NAME_ABSENT)
        return add_storage(p, key, wanted, index);
    *index = (size_t)found;
    const struct tensor_storage *known = &p->storages->items[found];
    if (known->bytes != wanted->bytes)
        return pickle_fail(p, STATUS_INVALID_MODEL, "storage \"%s\" has %zu bytes here and %zu before", name,
                           wanted->bytes, known->bytes);
    return STATUS_OK;
}

/* (view's key, offset, count) in elements of the storage, or None. */
static bool apply_view(const struct pickle_value *view, struct storage_piece *piece) {
    if (view->kind == VALUE_NONE)
        return true;
    if (view->kind != VALUE_TUPLE || view->items.count != 3)
        return false;
    const struct pickle_value *offset = view->items.at[1], *count = view->items.at[2];
    if (offset->kind != VALUE_INT || count->kind != VALUE_INT || offset->integer < 0 || count->integer < 0 ||
        (uint64_t)offset->integer > piece->count || (uint64_t)count->integer > piece->count - (size_t)offset->integer)
        return false;
    piece->offset = (size_t)offset->integer;
    piece->count = (size_t)count->integer;
    return true;
}

/* ("storage", class, key, location, count[, view]) */
static struct pickle_value *load_storage(struct pickle *p, const struct pickle_value *id) {
    if (id->items.count != (p->storages->views ? 6 : 5))
        return fail_id(p, "its parts are not as many as torch.save writes");
    struct pickle_value *const *parts = id->items.at;
    const struct pickle_value *type = parts[1], *key = parts[2], *count = parts[4];
    if (type->kind != VALUE_GLOBAL || key->kind != VALUE_TEXT || count->kind != VALUE_INT || count->integer < 0)
        return fail_id(p, "a class, a key and a number of elements are expected");
    if (!type->global.known || type->global.known->kind != GLOBAL_STORAGE) {
        struct pickle_value *unknown = p->storages->find ? pickle_new_value(p, VALUE_OPAQUE) : NULL;
        if (unknown)
            unknown->opaque.what = pool_format(p->pool, "tensor of the class %s", type->global.name);
        else if (!p->storages->find) /* where the next one begins is not known either */
            pickle_fail(p, STATUS_UNSUPPORTED, "storages of the class %s are not known", type->global.name);
        if (unknown && !unknown->opaque.what)
            return fail_with_memory(p);
        return unknown;
    }
    struct tensor_storage storage = {.size = type->global.known->size};
    if (!size_mul((size_t)count->integer, storage.size, &storage.bytes))
        return fail_id(p, "its size is too large");
    struct storage_piece *piece = pool_alloc(p->pool, sizeof *piece);
    if (!piece)
        return fail_with_memory(p);
    *piece = (struct storage_piece){.type = type->global.known, .count = (size_t)count->integer};
    if (find_storage(p, key->text, &storage, &piece->index))
        return NULL;
    if (p->storages->views && !apply_view(parts[5], piece))
        return fail_id(p, "the view of another storage does not lie within it");
    struct pickle_value *value = pickle_new_value(p, VALUE_STORAGE);
    if (value)
        value->piece = piece;
    return value;
}

struct pickle_value *storages_load(struct pickle *p, const struct pickle_value *id) {
    if (!p->storages)
        return fail_id(p, "there may be none here");
    if (id->kind != VALUE_TUPLE || id->items.count < 2)
        return fail_id(p, "a tuple is expected");
    if (value_is(id->items.at[0], "storage"))
        return load_storage(p, id);
    /* ("module", class, file, source) of modules saved as a whole, before 1.6 */
    if (value_is(id->items.at[0], "module") && id->items.at[1]->kind == VALUE_GLOBAL)
        return id->items.at[1];
    return fail_id(p, "it is neither a storage nor a module");
}

void storages_close(struct storages *storages) {
    free(storages->items);
    names_free(&storages->keys);
    storages->items = NULL;
    storages->count = storages->capacity = 0;
}
