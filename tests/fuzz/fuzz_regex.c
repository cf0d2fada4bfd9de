/* Regular expressions of strangers: the pattern ends at the first zero byte, the text comes behind it. */
#include "ops/text/regex.h"
#include "ops/text/regex_match.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST 512 /* texts: the time is the product of both lengths */

/* Every place that the pattern matches, the next one behind the one before; a whole match is the first one. */
static void find_all(const struct regex *regex, const char *text, size_t length, bool whole) {
    void *workspace = malloc(regex_find_workspace(regex));
    size_t begin, end;
    if (!workspace)
        abort();
    for (size_t from = 0; from <= length && regex_find(regex, text, length, from, &begin, &end, workspace);) {
        if (begin < from || end < begin || end > length || (whole && from == 0 && (begin > 0 || end < length)))
            abort();
        whole = false;
        from = end > begin ? end : end + 1;
        while (from < length && (text[from] & 0xc0) == 0x80)
            from++;
    }
    if (whole)
        abort();
    free(workspace);
}

static void run(const struct regex *regex, const char *text, size_t length) {
    void *workspace = malloc(regex_workspace(regex));
    if (!workspace)
        abort();
    const bool whole = regex_match(regex, text, length, workspace);
    free(workspace);
    find_all(regex, text, length, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t length = zero ? (size_t)(zero - data) : size, behind = zero ? length + 1 : size;
    struct pool *pool = pool_create();
    struct regex *regex;
    struct error err = {STATUS_OK, ""};
    if (!pool)
        abort();
    if (regex_compile((const char *)data, length, pool, &regex, &err) == STATUS_OK) {
        const size_t rest = size - behind;
        run(regex, (const char *)data + behind, rest < LONGEST ? rest : LONGEST);
    } else if (!err.message[0]) {
        abort();
    }
    pool_destroy(pool);
    return 0;
}
