#include "tools/commands/commands.h"

#include "runtime/limner.h"
#include "tools/cli/output.h"
#include "tools/contract/preset.h"
#include "tools/files/colour.h"
#include "tools/files/picture_kinds.h"

#include <errno.h>
#include <string.h>

static const struct command *const commands[] = {
    &run_command,     &inspect_command, &test_command,     &bench_command, &compare_command,
    &convert_command, &inpaint_command, &annotate_command, &keys_command,  &ops_command};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_help(FILE *stream) {
    fputs("Usage: limner COMMAND ARGUMENT... [OPTION]...\n\n"
          "Runs ONNX networks that make pictures.\n\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    fputs("  help      explain a command: limner help run; limner help presets lists presets\n\n", stream);
    fprintf(stream, "Pictures: %s are read; %s are written; %s.\n\n", picture_types_read(), picture_endings_written(),
            colour_is_known() ? "colour profiles are converted" : "colour profiles are kept, not converted");
    fputs("Options:\n"
          "  --help     show this text; after a command, explain it\n"
          "  --version  show limner's version\n\n"
          "Example:\n"
          "  limner run generator.onnx broken.png -o repaired.png\n\n"
          "Exit status:\n"
          "  0   all is well\n"
          "  1   something failed, and will again: a file that cannot be read, a model that does not fit, ...\n"
          "  2   the command line is wrong\n"
          "  75  try again: what failed did so for a reason that passes, such as too little memory, a full disk, an\n"
          "      input/output error. The same when a signal ended the command (128 and above in a shell): files are\n"
          "      written whole or not at all, and --resume skips what is there\n",
          stream);
}

static int unknown_command(const char *word) {
    complain("unknown %s %s (see limner --help)", word[0] == '-' ? "option" : "command", word);
    return EXIT_USAGE;
}

/* What --preset takes. */
static int print_presets(void) {
    struct error err = {STATUS_OK, ""};
    struct pool *pool = pool_create();
    fputs("Presets say what known networks expect of pictures and masks (limner inpaint, run and annotate):\n\n",
          stdout);
    const status code = pool ? preset_list(pool, stdout, &err) : fail_memory(&err, "the presets");
    fputs(
        "\nA preset is a short text of the options' words, such as \"range -1,1\", a line each. Your own are files, or "
        "lie\nin --preset-dir or the folder LIMNER_PRESETS as NAME.preset.\n",
        stdout);
    pool_destroy(pool);
    if (code)
        complain_error(&err);
    return exit_status(code);
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static int help(int count, char **words) {
    if (count > 1) {
        complain("help: '%s' is one argument too many (see limner --help)", words[1]);
        return EXIT_USAGE;
    }
    if (count == 0 || is_help(words[0])) {
        print_help(stdout);
        return EXIT_OK;
    }
    if (strcmp(words[0], "presets") == 0)
        return print_presets();
    const struct command *command = find_command(words[0]);
    if (!command)
        return unknown_command(words[0]);
    arguments_help(command, stdout);
    return EXIT_OK;
}

/* Command lines are one line, whatever the words were. Without memory nobody knows whether they were right. */
static int usage(const struct command *command, struct error *err) {
    if (err->code == STATUS_NO_MEMORY) {
        complain_error(err);
        return exit_status(err->code);
    }
    for (char *p = err->message; *p; p++)
        if (*p == '\n')
            *p = ' ';
    complain("%s: %s (see limner %s --help)", command->name, err->message, command->name);
    return EXIT_USAGE;
}

static int execute(const struct command *command, int count, char **words, struct pool *pool, struct error *err) {
    struct command_call call;
    int wants_help;
    if (arguments_parse(command, count, words, pool, &call, &wants_help, err))
        return usage(command, err);
    if (wants_help) {
        arguments_help(command, stdout);
        return EXIT_OK;
    }
    bool good = true;
    const status code = command->run(&call, &good, err);
    progress_clear();
    if (code == STATUS_USAGE)
        return usage(command, err);
    if (code)
        complain_error(err);
    return code ? exit_status(code) : good ? EXIT_OK : EXIT_FAILED;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (is_help(word))
        return help(argc - 2, argv + 2);
    if (strcmp(word, "--version") == 0) {
        printf("limner %s\n", limner_version());
        return EXIT_OK;
    }
    const struct command *command = find_command(word);
    if (!command)
        return unknown_command(word);
    struct error err = {STATUS_OK, ""};
    struct pool *pool = pool_create();
    if (!pool) {
        complain("out of memory");
        return EXIT_AGAIN;
    }
    const int result = execute(command, argc - 2, argv + 2, pool, &err);
    pool_destroy(pool);
    return result;
}

int limner_command(int argc, char **argv) {
    const int result = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        const int now = exit_status(errno_status(errno));
        complain("cannot write to the standard output: %s", strerror(errno));
        return result ? result : now;
    }
    return result;
}
