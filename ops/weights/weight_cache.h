/* Packed constant weights: made once per model, shared by every plan, session and thread; stored in a file if wanted.
 */
#ifndef LIMNER_OPS_WEIGHTS_WEIGHT_CACHE_H
#define LIMNER_OPS_WEIGHTS_WEIGHT_CACHE_H

#include "ops/weights/weight_keys.h"

struct weight_cache;

struct weight_cache *weight_cache_create(void);
/* Frees every packed copy; NULL is allowed. No session may use them any more. */
void weight_cache_destroy(struct weight_cache *cache);

/*
 * The packed form of a constant tensor: made on first request (or taken from the file), found again afterwards (key:
 * the tensors' data pointers, name and numbers). 64-byte aligned, read-only, lives until the cache is destroyed. The
 * source's mapped pages are let go after packing. Thread-safe. NULL without memory.
 */
const void *weight_cache_get(struct weight_cache *cache, const struct tensor *source, const struct packing *packing);

/*
 * Once everything is packed: lets the mapped pages of all sources go again. A file's pages may come two megabytes at a
 * time, so that reading one tensor brought its neighbours back.
 */
void weight_cache_settle(struct weight_cache *cache);

/* Joins small pages to huge ones (region_join()): worth the while once weights are used again and again. */
void weight_cache_join(struct weight_cache *cache);

/* Bytes held. */
size_t weight_cache_bytes(struct weight_cache *cache);

/*
 * From now on packed forms are looked for in the file at path first; reading takes so many threads. A file that is not
 * there, or not whole, is none; an error says that there is one, why it cannot be used, and changes nothing else. Once
 * a cache has a file, that is its file: another call does nothing.
 */
status weight_cache_use_file(struct weight_cache *cache, const char *path, int threads, struct error *err);
/*
 * Writes the file anew when something was packed that it does not hold. What it held of weights that were asked for
 * stays (they may be packed in another way by other options); what was made from others goes. No-op without a file.
 */
status weight_cache_save(struct weight_cache *cache, struct error *err);

#endif
