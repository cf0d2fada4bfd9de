/* JSON on one line, as it is written. Commas and escaping are seen to here. */
#ifndef LIMNER_TOOLS_CLI_JSON_H
#define LIMNER_TOOLS_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *stream;
    bool comma; /* the next item needs one before it */
};

/* key is NULL inside an array. close: '}' or ']'. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close(struct json *json, char close);
/* text NULL is null; bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *text);
void json_integer(struct json *json, const char *key, int64_t value);
/* Not finite is null. */
void json_number(struct json *json, const char *key, double value, int digits);
void json_bool(struct json *json, const char *key, bool value);

#endif
