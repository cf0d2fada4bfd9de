/* How a pattern writes code points: as themselves, escaped, or as classes in brackets. */
#ifndef LIMNER_OPS_TEXT_REGEX_ESCAPE_H
#define LIMNER_OPS_TEXT_REGEX_ESCAPE_H

#include "ops/text/regex_states.h"

/* The next code point as it stands. */
status regex_read_code(struct regex_parser *p, int32_t *code);
/* At most so many digits to a base; false without one, or beyond Unicode. */
bool regex_read_digits(struct regex_parser *p, int base, int most, int32_t *code);
/* The code point that an escape stands for, behind its backslash. */
status regex_read_escape(struct regex_parser *p, int32_t *code);
/* [...], behind the bracket. */
status regex_parse_class(struct regex_parser *p, struct regex_piece *out);

#endif
