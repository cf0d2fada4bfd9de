/* How far a long job is, on one line of the terminal; and messages from several threads. */
#ifndef LIMNER_TOOLS_INPAINT_METER_H
#define LIMNER_TOOLS_INPAINT_METER_H

#include <pthread.h>
#include <stddef.h>

/* Gets the messages, one at a time. */
typedef void meter_listener(void *context, const char *message);

struct meter {
    pthread_mutex_t lock;
    const char *what;         /* "pictures" */
    size_t total, done;       /* total 0: no bar */
    double start;             /* seconds */
    meter_listener *listener; /* NULL: the terminal, with a bar */
    void *context;
};

void meter_init(struct meter *meter);
/* The same for a program that has no terminal: messages go to the listener, and there is no bar. */
void meter_init_listened(struct meter *meter, meter_listener *listener, void *context);
void meter_destroy(struct meter *meter);
/* Begins to count anew. */
void meter_start(struct meter *meter, const char *what, size_t total);
void meter_advance(struct meter *meter);
/* One line on stderr, as complain() writes it, or for the listener. */
void meter_complain(struct meter *meter, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bar's text, for `done` of `total` after so many seconds. */
#define METER_TEXT_BYTES 160
const char *meter_text(const char *what, size_t done, size_t total, double seconds, char text[METER_TEXT_BYTES]);

#endif
