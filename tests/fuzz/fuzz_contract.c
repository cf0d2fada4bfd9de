/* Presets and a model's metadata: whatever is said once is said the same again. */
#include "tools/contract/contract.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* A word and its value, of one line. */
static void say_line(struct contract *contract, char *line, struct pool *pool) {
    char *value = strchr(line, ' ');
    struct contract again = *contract;
    struct error err;
    if (!value)
        return;
    *value++ = 0;
    if (contract_say(contract, line, value, SAID_MODEL, pool, &err)) {
        require(memcmp(&again, contract, sizeof again) == 0);
        return;
    }
    require(contract_say(&again, line, value, SAID_MODEL, pool, &err) == STATUS_OK);
    for (int i = 0; i < contract_field_count; i++)
        require(contract_said(contract, i)->by == contract_said(&again, i)->by);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct contract contract = {.range.said.by = SAID_NOT}, over = contract;
    struct pool *pool = pool_create();
    char *text = pool ? pool_string(pool, (const char *)data, size) : NULL;
    require(text != NULL);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        say_line(&contract, line, pool);
    contract_lay_over(&over, &contract);
    const struct picture_form in = contract_input_form(&over, DTYPE_FLOAT, false);
    require(in.high > in.low);
    for (int c = 0; c < FORM_CHANNELS; c++)
        require(!in.normalises || in.deviation[c] > 0);
    for (int i = 0; i < over.inputs.count; i++)
        require(over.inputs.groups[i].count > 0 && over.inputs.groups[i].count <= MOST_PLANES);
    pool_destroy(pool);
    return 0;
}
