#include "tools/cli/arguments.h"

#include "tools/cli/output.h"

#include <stdbool.h>
#include <string.h>

#define HELP_COLUMN 26
#define HELP_WIDTH 80

static bool is_end(const struct command_option *option) {
    return !option->name && !option->letter;
}

static const struct command_option *find_name(const struct command *command, const char *name, size_t length) {
    for (const struct command_option *o = command->options; !is_end(o); o++)
        if (o->name && strlen(o->name) == length && memcmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

static const struct command_option *find_letter(const struct command *command, char letter) {
    for (const struct command_option *o = command->options; !is_end(o); o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

/* The words being read. */
struct word_reader {
    const struct command *command;
    const char *const *words;
    int count, at;
    struct pool *pool;
    void *settings;
    struct error *err;
};

static status apply(struct word_reader *reader, const struct command_option *option, const char *shown,
                    const char *text) {
    if (!option->value && text)
        return fail(reader->err, STATUS_INVALID_ARGUMENT, "%s takes no value", shown);
    if (option->value && !text) {
        const char *next = reader->at < reader->count ? reader->words[reader->at] : NULL;
        if (!next || strncmp(next, "--", 2) == 0)
            return fail(reader->err, STATUS_INVALID_ARGUMENT, "%s needs a value: %s %s", shown, shown, option->value);
        text = next;
        reader->at++;
    }
    struct error why;
    const status code = option->set(reader->pool, (char *)reader->settings + option->field, text, &why);
    return code ? fail(reader->err, code, "%s %s", shown, why.message) : STATUS_OK;
}

static status read_long(struct word_reader *reader, const char *word) {
    const char *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct command_option *option = find_name(reader->command, word + 2, length - 2);
    if (!option)
        return fail(reader->err, STATUS_INVALID_ARGUMENT, "unknown option %.*s", (int)length, word);
    const char *shown = pool_format(reader->pool, "--%s", option->name);
    if (!shown)
        return fail_memory(reader->err, "the command line");
    return apply(reader, option, shown, equals ? equals + 1 : NULL);
}

static status read_letters(struct word_reader *reader, const char *word) {
    for (const char *p = word + 1; *p; p++) {
        const struct command_option *option = find_letter(reader->command, *p);
        if (!option)
            return fail(reader->err, STATUS_INVALID_ARGUMENT, "unknown option -%c", *p);
        const char shown[] = {'-', *p, '\0'};
        if (option->value)
            return apply(reader, option, shown, p[1] ? p + 1 : NULL);
        const status code = apply(reader, option, shown, NULL);
        if (code)
            return code;
    }
    return STATUS_OK;
}

static bool asks_for_help(int count, char **words) {
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            return true;
    return false;
}

static bool repeats(const char *argument) {
    const size_t length = strlen(argument);
    return length > 3 && strcmp(argument + length - 3, "...") == 0;
}

static status check_count(const struct command *command, int count, const char *const *arguments, struct error *err) {
    int i = 0;
    for (int k = 0; k < count; k++)
        if (!*arguments[k])
            return fail(err, STATUS_INVALID_ARGUMENT, "an argument is empty: a file's name is expected");
    for (; command->arguments[i]; i++) {
        const char *argument = command->arguments[i];
        if (i >= count && argument[0] != '[')
            return fail(err, STATUS_INVALID_ARGUMENT, "%.*s is missing",
                        (int)(strlen(argument) - (repeats(argument) ? 3 : 0)), argument);
        if (repeats(argument))
            return STATUS_OK;
    }
    if (count > i)
        return fail(err, STATUS_INVALID_ARGUMENT, "'%s' is one argument too many", arguments[i]);
    return STATUS_OK;
}

/* What follows the command's name is read into the settings; arguments gets what is no option. */
static status read_words(struct word_reader *reader, const char **arguments, int *argument_count) {
    bool options = true;
    while (reader->at < reader->count) {
        const char *word = reader->words[reader->at++];
        status code = STATUS_OK;
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && strncmp(word, "--", 2) == 0)
            code = read_long(reader, word);
        else if (options && word[0] == '-' && word[1])
            code = read_letters(reader, word);
        else
            arguments[(*argument_count)++] = word;
        if (code)
            return code;
    }
    return STATUS_OK;
}

static status parse(const struct command *command, int count, const char *const *words, struct pool *pool,
                    struct command_call *call, struct error *err) {
    struct word_reader reader = {command, words, count, 0, pool, pool_alloc(pool, command->settings_size + 1), err};
    const char **arguments = pool_array(pool, (size_t)count + 1, sizeof *arguments);
    if (!reader.settings || !arguments)
        return fail_memory(err, "the command line");
    if (command->settings_size)
        memcpy(reader.settings, command->defaults, command->settings_size);
    *call = (struct command_call){command, pool, reader.settings, arguments, 0};
    const status code = read_words(&reader, arguments, &call->argument_count);
    return code ? code : check_count(command, call->argument_count, arguments, err);
}

status arguments_parse(const struct command *command, int count, char **words, struct pool *pool,
                       struct command_call *call, int *help, struct error *err) {
    *help = asks_for_help(count, words);
    return *help ? STATUS_OK : parse(command, count, (const char *const *)words, pool, call, err);
}

status arguments_parse_options(const struct command *command, int count, const char *const *words, struct pool *pool,
                               struct command_call *call, struct error *err) {
    return parse(command, count, words, pool, call, err);
}

static int put_indent(FILE *stream, int indent) {
    fprintf(stream, "%*s", indent, "");
    return indent;
}

void print_wrapped(FILE *stream, const char *text, int used, int indent) {
    int column = used;
    bool fresh = true;
    while (*text) {
        if (*text == '\n' || *text == ' ') {
            if (*text == '\n') {
                fputc('\n', stream);
                column = text[1] && text[1] != '\n' ? put_indent(stream, indent) : 0;
                fresh = true;
            }
            text++;
            continue;
        }
        const int length = (int)strcspn(text, " \n");
        if (!fresh && column + 1 + length > HELP_WIDTH) {
            fputc('\n', stream);
            column = put_indent(stream, indent);
            fresh = true;
        }
        column += fprintf(stream, "%s%.*s", fresh ? "" : " ", length, text);
        fresh = false;
        text += length;
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, char letter, const char *name, const char *value, const char *help) {
    int used = letter ? fprintf(stream, "  -%c", letter) : fprintf(stream, "    ");
    if (name)
        used += fprintf(stream, "%s--%s", letter ? ", " : "  ", name);
    if (value)
        used += fprintf(stream, " %s", value);
    if (used + 2 > HELP_COLUMN) {
        fputc('\n', stream);
        used = 0;
    }
    fprintf(stream, "%*s", HELP_COLUMN - used, "");
    print_wrapped(stream, help, HELP_COLUMN, HELP_COLUMN);
}

void arguments_help(const struct command *command, FILE *stream) {
    fprintf(stream, "Usage: limner %s", command->name);
    for (int i = 0; command->arguments[i]; i++)
        fprintf(stream, " %s", command->arguments[i]);
    fputs(" [OPTION]...\n\n", stream);
    print_wrapped(stream, command->about, 0, 0);
    fputs("\nOptions:\n", stream);
    for (const struct command_option *o = command->options; !is_end(o); o++)
        print_option(stream, o->letter, o->name, o->value, o->help);
    print_option(stream, 'h', "help", NULL, "show this text");
    fprintf(stream, "\nExamples:\n%s", command->examples);
}
