#include "tools/convert/wrappers.h"

#include "tools/convert/prefix.h"

#include <string.h>

static const char *const words[] = {"module",  "_orig_mod",      "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
                                    "_module", "_forward_module"};
enum { WORDS = sizeof words / sizeof words[0] };

/* ---- one key ---- */

/* The word that the part of a key at `part` is, or -1. The last part names the tensor. */
static int word_at(const char *part) {
    const size_t length = strcspn(part, ".");
    for (int i = 0; part[length] && i < WORDS; i++)
        if (strlen(words[i]) == length && memcmp(words[i], part, length) == 0)
            return i;
    return -1;
}

static unsigned words_in(const char *key) {
    unsigned found = 0;
    for (const char *part = key; *part; part += strcspn(part, "."), part += *part == '.') {
        const int word = word_at(part);
        found |= word < 0 ? 0 : 1U << word;
    }
    return found;
}

/* The key without those words; NULL without memory. */
static const char *without(const char *key, unsigned taken, struct pool *pool) {
    if (!(words_in(key) & taken))
        return key;
    char *text = pool_alloc(pool, strlen(key) + 1), *to = text;
    for (const char *part = key; text && *part;) {
        const size_t length = strcspn(part, "."), whole = length + (part[length] == '.');
        const int word = word_at(part);
        if (word < 0 || !(taken & 1U << word)) {
            memcpy(to, part, whole);
            to += whole;
        }
        part += whole;
    }
    if (text)
        *to = 0;
    return text;
}

/* ---- all of them ---- */

/* Spells the keys without these words; *apart: all are still different. */
static status spell(struct modules *modules, const char *const *keys, unsigned taken, struct pool *pool, bool *apart,
                    struct error *err) {
    struct names seen = {0};
    *apart = true;
    status code = STATUS_OK;
    for (int i = 0; !code && i < modules->parameter_count; i++) {
        const char *key = without(keys[i], taken, pool);
        modules->parameters[i].spelled = key;
        *apart = *apart && key && names_find(&seen, key) == NAME_ABSENT;
        if (!key || !names_put(&seen, key, i))
            code = fail_memory(err, "the checkpoint's keys");
    }
    names_free(&seen);
    return code;
}

/* How many names fit without these words; -1 where keys would become one. */
static status try_words(struct modules *modules, const char *const *keys, unsigned taken, const char *const *wanted,
                        size_t wanted_count, int *fits, struct error *err) {
    struct pool *scratch = pool_create();
    bool apart = false;
    *fits = -1;
    status code =
        scratch ? spell(modules, keys, taken, scratch, &apart, err) : fail_memory(err, "the checkpoint's keys");
    if (!code && apart)
        code = prefix_fits(modules, wanted, wanted_count, scratch, fits, err);
    pool_destroy(scratch);
    return code;
}

static const char *name_words(unsigned taken, struct pool *pool) {
    const char *text = "";
    for (int i = 0; text && i < WORDS; i++)
        if (taken & 1U << i)
            text = pool_format(pool, "%s%s\"%s.\"", text, *text ? ", " : "", words[i]);
    return text;
}

static status search(struct modules *modules, const char *const *keys, const char *const *wanted, size_t wanted_count,
                     unsigned *best, struct error *err) {
    unsigned present = 0;
    int most = -1;
    *best = 0;
    for (int i = 0; i < modules->parameter_count; i++)
        present |= words_in(keys[i]);
    for (int size = 0; present && size <= __builtin_popcount(present); size++)
        for (unsigned taken = 0; taken <= present; taken++) {
            int fits;
            if ((taken & ~present) || __builtin_popcount(taken) != size)
                continue;
            const status code = try_words(modules, keys, taken, wanted, wanted_count, &fits, err);
            if (code)
                return code;
            *best = fits > most ? taken : *best;
            most = fits > most ? fits : most;
        }
    return STATUS_OK;
}

status wrappers_take_out(struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                         struct error *err) {
    unsigned taken = 0;
    bool apart;
    const char **keys = pool_array(pool, (size_t)modules->parameter_count + 1, sizeof *keys);
    if (!keys)
        return fail_memory(err, "the checkpoint's keys");
    for (int i = 0; i < modules->parameter_count; i++)
        keys[i] = modules->parameters[i].spelled;
    status code = search(modules, keys, wanted, wanted_count, &taken, err);
    if (!code)
        code = spell(modules, keys, taken, pool, &apart, err);
    modules->wrappers = name_words(taken, pool);
    return code || modules->wrappers ? code : fail_memory(err, "the checkpoint's keys");
}
