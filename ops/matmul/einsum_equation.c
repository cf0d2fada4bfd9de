#include "ops/matmul/einsum_equation.h"

#include <string.h>

/* A term as it is written: letters, and where "..." stands among them. */
struct written_term {
    int count, dots; /* dots: -1 where there are none */
    int letters[MAX_RANK];
};

static int letter_of(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* Reads letters and dots up to the next ',' or '-' or the end. */
static status read_term(const char **at, struct written_term *term, struct error *err) {
    *term = (struct written_term){.dots = -1};
    for (; **at && **at != ',' && **at != '-'; (*at)++) {
        if (**at == ' ')
            continue;
        if (strncmp(*at, "...", 3) == 0 && term->dots < 0) {
            term->dots = term->count;
            *at += 2;
            continue;
        }
        const int letter = letter_of(**at);
        if (letter < 0)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" has '%.3s' where a letter was expected",
                        *at);
        if (term->count == MAX_RANK)
            return fail(err, STATUS_LIMIT, "attribute \"equation\" has a term of more than %d letters", MAX_RANK);
        term->letters[term->count++] = letter;
    }
    return STATUS_OK;
}

/* With `dots` dimensions for "...". */
static void expand(const struct written_term *written, int dots, struct einsum_term *term) {
    term->rank = 0;
    for (int i = 0; i <= written->count; i++) {
        for (int d = 0; i == written->dots && d < dots; d++)
            term->labels[term->rank++] = EINSUM_LABELS - dots + d;
        if (i < written->count)
            term->labels[term->rank++] = written->letters[i];
    }
}

static status expand_operand(const struct written_term *written, int operand, int rank, struct einsum_term *term,
                             struct error *err) {
    const int dots = rank - written->count;
    if (dots < 0 || (dots > 0 && written->dots < 0))
        return fail(err, STATUS_SHAPE, "input %d has rank %d, attribute \"equation\" has %d letters for it", operand,
                    rank, written->count);
    expand(written, dots, term);
    return STATUS_OK;
}

static int occurrences(const struct einsum_equation *equation, int label) {
    int count = 0;
    for (int i = 0; i < equation->operands; i++)
        for (int d = 0; d < equation->terms[i].rank; d++)
            count += equation->terms[i].labels[d] == label;
    return count;
}

static int most_dots(const struct einsum_equation *equation) {
    int most = 0;
    for (int dots = 1; dots <= MAX_RANK; dots++)
        if (occurrences(equation, EINSUM_LABELS - dots))
            most = dots;
    return most;
}

/* The dimensions of "...", then what occurs once, in the letters' order. */
static status implicit_output(struct einsum_equation *equation, struct error *err) {
    const struct written_term dots = {.dots = 0};
    expand(&dots, most_dots(equation), &equation->output);
    for (int label = 0; label < EINSUM_LETTERS; label++)
        if (occurrences(equation, label) == 1) {
            if (equation->output.rank == MAX_RANK)
                return fail(err, STATUS_LIMIT, "the output has more than %d dimensions", MAX_RANK);
            equation->output.labels[equation->output.rank++] = label;
        }
    return STATUS_OK;
}

static status explicit_output(const char *at, struct einsum_equation *equation, struct error *err) {
    struct written_term written;
    const status code = read_term(&at, &written, err);
    if (code != STATUS_OK)
        return code;
    if (*at)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" goes on behind its output: %.20s", at);
    const int dots = written.dots < 0 ? 0 : most_dots(equation);
    if (written.count + dots > MAX_RANK)
        return fail(err, STATUS_LIMIT, "the output has more than %d dimensions", MAX_RANK);
    expand(&written, dots, &equation->output);
    for (int i = 0; i < written.count; i++) {
        bool twice = false;
        for (int j = 0; j < i; j++)
            twice |= written.letters[j] == written.letters[i];
        if (twice || !occurrences(equation, written.letters[i]))
            return fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" has a letter of the output %s",
                        twice ? "twice there" : "in no operand");
    }
    return STATUS_OK;
}

status einsum_parse(const char *text, const int *ranks, int operands, struct einsum_equation *out, struct error *err) {
    const char *at = text;
    *out = (struct einsum_equation){.operands = operands};
    for (int i = 0; i < operands; i++) {
        struct written_term written;
        status code = read_term(&at, &written, err);
        if (code == STATUS_OK && (i + 1 < operands ? *at != ',' : *at == ','))
            code = fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" is not for %d operands", operands);
        if (code == STATUS_OK)
            code = expand_operand(&written, i, ranks[i], &out->terms[i], err);
        if (code != STATUS_OK)
            return code;
        at += *at == ',';
    }
    if (!*at)
        return implicit_output(out, err);
    if (strncmp(at, "->", 2) != 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"equation\" has '%.3s' where \"->\" was expected", at);
    return explicit_output(at + 2, out, err);
}
