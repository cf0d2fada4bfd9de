/* limner keys: what tensors a checkpoint holds. */
#include "tools/checkpoint/key_list.h"
#include "tools/cli/output.h"
#include "tools/cli/values.h"
#include "tools/commands/commands.h"

#include <stddef.h>
#include <string.h>

struct keys_settings {
    const char *key;
    bool verify, json;
};
static const struct keys_settings defaults;

/* ---- for people ---- */

static int longest_key(const struct checkpoint *checkpoint) {
    size_t longest = strlen("tensor");
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const size_t length = strlen(checkpoint_at(checkpoint, i)->key);
        longest = length > longest ? length : longest;
    }
    return longest > 60 ? 60 : (int)longest;
}

static void print_tensors(const struct checkpoint *checkpoint) {
    const int width = longest_key(checkpoint);
    printf("%-*s  %-9s  %-20s %12s\n", width, "tensor", "type", "shape", "bytes");
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct checkpoint_tensor *tensor = checkpoint_at(checkpoint, i);
        char shape[SHAPE_TEXT_BYTES];
        say(stdout, "%-*s  %-9s  %-20s %12zu\n", width, tensor->path[0] ? tensor->key : "(the file itself)",
            dtype_name(tensor->dtype), shape_text(&tensor->shape, shape), key_list_bytes(tensor));
    }
}

#define OPAQUE_SHOWN 10

static void print_opaque(const struct checkpoint *checkpoint) {
    const size_t count = checkpoint_opaque_count(checkpoint);
    if (count == 0)
        return;
    printf("left alone   %zu object%s that limner does not read\n", count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count && i < OPAQUE_SHOWN; i++) {
        const struct checkpoint_opaque *opaque = checkpoint_opaque_at(checkpoint, i);
        say(stdout, "  %s: %s\n", opaque->path[0] ? opaque->path : "the file itself", opaque->what);
    }
    if (count > OPAQUE_SHOWN)
        printf("  ... (--json lists all)\n");
}

static void print_choice(const struct key_list *found) {
    if (checkpoint_chosen(found->checkpoint)[0])
        say(stdout, "dictionary   %s\n", checkpoint_chosen(found->checkpoint));
    else if (found->usual && found->usual[0])
        say(stdout, "model        in \"%s\", taken when no --key says otherwise\n", found->usual);
    else if (!found->usual && found->refusal.message[0])
        say(stdout, "model        %s\n", found->refusal.message);
}

static void print_people(const struct key_list *found) {
    const size_t count = checkpoint_count(found->checkpoint);
    char size[SIZE_TEXT_BYTES];
    say(stdout, "file         %s, %s\n", found->path, checkpoint_format(found->checkpoint));
    print_choice(found);
    print_opaque(found->checkpoint);
    print_tensors(found->checkpoint);
    printf("total        %zu tensor%s, %llu elements, %s\n", count, count == 1 ? "" : "s",
           (unsigned long long)found->elements, size_text(found->bytes, size));
}

/* ---- the command ---- */

static status run(const struct command_call *call, bool *good, struct error *err) {
    (void)good;
    const struct keys_settings *settings = call->settings;
    struct key_list *found = pool_alloc(call->pool, sizeof *found);
    if (!found)
        return fail_memory(err, "the keys");
    const status code = key_list_read(found, call->arguments[0], settings->key, settings->verify, call->pool, err);
    if (!code && settings->json)
        key_list_json(found, stdout);
    else if (!code)
        print_people(found);
    checkpoint_close(found->checkpoint);
    return code;
}

static const char *const arguments[] = {"CHECKPOINT", NULL};
static const struct command_option options[] = {
    {"key", 0, "PATH", "only the tensors below this key, such as generator or state_dict.netG", set_file,
     offsetof(struct keys_settings, key)},
    {"verify", 0, NULL, "read all of a zip file and compare it with its checksums", set_flag,
     offsetof(struct keys_settings, verify)},
    {"json", 0, NULL, "print one JSON object on one line", set_flag, offsetof(struct keys_settings, json)},
    OPTIONS_END};

const struct command keys_command = {
    .name = "keys",
    .summary = "list the tensors of a PyTorch checkpoint or a safetensors file",
    .arguments = arguments,
    .about = "Lists every tensor of a checkpoint with its type, shape and size: PyTorch's files (.pth, .pt, .ckpt; the "
             "zip format and the older one) and safetensors. A path is all the keys that lead to the tensor, joined by "
             "dots. Also says in which dictionary the model is likely to be, and which values are no tensors that "
             "limner reads. Nothing in the file is ever run.",
    .examples = "  limner keys EdgeModel_gen.pth\n"
                "  limner keys checkpoint.ckpt --key state_dict --json\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
