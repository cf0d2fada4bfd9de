/* Regular expressions of strangers: the pattern ends at the first zero byte, the text comes behind it. */
#include "ops/text/regex.h"
#include "ops/text/regex_match.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST 512 /* texts: the time is the product of both lengths */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t length = zero ? (size_t)(zero - data) : size, behind = zero ? length + 1 : size;
    struct pool *pool = pool_create();
    struct regex *regex;
    struct error err = {STATUS_OK, ""};
    if (!pool)
        abort();
    if (regex_compile((const char *)data, length, pool, &regex, &err) == STATUS_OK) {
        void *workspace = malloc(regex_workspace(regex));
        const size_t rest = size - behind;
        if (!workspace)
            abort();
        regex_match(regex, (const char *)data + behind, rest < LONGEST ? rest : LONGEST, workspace);
        free(workspace);
    } else if (!err.message[0]) {
        abort();
    }
    pool_destroy(pool);
    return 0;
}
