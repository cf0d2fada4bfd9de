#include "tools/embed/embed_command.h"

#include "tools/commands/commands.h"
#include "tools/embed/embed_error.h"

int embed_command(int count, char **words) {
    const locale_t before = embed_plain_numbers();
    const int result = limner_command(count, words);
    embed_restore(before);
    return result;
}
