#include "ops/text/regex_class.h"

#include <stdlib.h>
#include <string.h>

#define LAST_CODE 0x10ffff

void set_add(struct regex_set *set, int32_t low, int32_t high) {
    if (set->count == set->capacity) {
        const int capacity = set->capacity ? 2 * set->capacity : 8;
        struct regex_range *grown = pool_array(set->pool, (size_t)capacity, sizeof *grown);
        if (!grown) {
            set->failed = true;
            return;
        }
        if (set->count > 0)
            memcpy(grown, set->ranges, (size_t)set->count * sizeof *grown);
        set->ranges = grown;
        set->capacity = capacity;
    }
    set->ranges[set->count++] = (struct regex_range){low, high};
}

static int by_low(const void *a, const void *b) {
    const struct regex_range *first = a, *second = b;
    return (first->low > second->low) - (first->low < second->low);
}

void set_add_opposite(struct regex_set *set, const struct regex_set *other) {
    int32_t next = 0;
    if (other->count > 0)
        qsort(other->ranges, (size_t)other->count, sizeof *other->ranges, by_low);
    for (int i = 0; i < other->count; i++) {
        if (other->ranges[i].low > next)
            set_add(set, next, other->ranges[i].low - 1);
        if (other->ranges[i].high >= next)
            next = other->ranges[i].high + 1;
    }
    if (next <= LAST_CODE)
        set_add(set, next, LAST_CODE);
    set->failed |= other->failed;
}

/* The part of a range among the letters from..to, moved by so much. */
static void add_moved(struct regex_set *set, struct regex_range range, int32_t from, int32_t to, int32_t by) {
    const int32_t low = range.low > from ? range.low : from, high = range.high < to ? range.high : to;
    if (low <= high)
        set_add(set, low + by, high + by);
}

void set_fold_case(struct regex_set *set) {
    const int count = set->count;
    for (int i = 0; i < count; i++) {
        const struct regex_range range = set->ranges[i];
        add_moved(set, range, 'a', 'z', 'A' - 'a');
        add_moved(set, range, 'A', 'Z', 'a' - 'A');
    }
}

/* Names with their ranges, pairs of first and last. */
static const struct {
    const char *name, *pairs;
} classes[] = {{"d", "09"},           {"s", "\t\n\f\r  "},   {"w", "09AZaz__"},   {"alnum", "09AZaz"},
               {"alpha", "AZaz"},     {"ascii", "\x01\x7f"}, {"blank", "\t\t  "}, {"cntrl", "\x01\x1f\x7f\x7f"},
               {"digit", "09"},       {"graph", "!~"},       {"lower", "az"},     {"print", " ~"},
               {"punct", "!/:@[`{~"}, {"space", "\t\r  "},   {"upper", "AZ"},     {"word", "09AZaz__"},
               {"xdigit", "09AFaf"}};

/* Zero is a control character, and ASCII. */
static bool has_zero(const char *name) {
    return strcmp(name, "ascii") == 0 || strcmp(name, "cntrl") == 0;
}

static bool add_class(struct regex_set *set, const char *name, size_t length, bool opposite) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strlen(classes[i].name) != length || memcmp(classes[i].name, name, length) != 0)
            continue;
        struct regex_set found = {.pool = set->pool};
        for (const char *pair = classes[i].pairs; *pair; pair += 2)
            set_add(opposite ? &found : set, pair[0], pair[1]);
        if (has_zero(classes[i].name))
            set_add(opposite ? &found : set, 0, 0);
        if (opposite)
            set_add_opposite(set, &found);
        return true;
    }
    return false;
}

bool set_add_letter(struct regex_set *set, char letter) {
    const char name = (char)(letter | 0x20);
    return letter != 0 && strchr("dDsSwW", letter) && add_class(set, &name, 1, letter != name);
}

size_t set_add_name(struct regex_set *set, const char *text, size_t length) {
    const bool opposite = length > 0 && text[0] == '^';
    size_t end = opposite;
    while (end + 1 < length && text[end] != ':')
        end++;
    if (end + 1 >= length || text[end + 1] != ']' || end - opposite < 2)
        return 0;
    return add_class(set, text + opposite, end - opposite, opposite) ? end + 2 : 0;
}
