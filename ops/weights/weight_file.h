/*
 * Packed weights stored in a file between runs. A record is found by what it was made from and how, never by names or
 * dates, so a file cannot be out of date: it has the record, bit for bit, or it has not. The file comes from a stranger
 * like any other: its structure is checked when it is opened, a record's bytes when it is taken.
 */
#ifndef LIMNER_OPS_WEIGHTS_WEIGHT_FILE_H
#define LIMNER_OPS_WEIGHTS_WEIGHT_FILE_H

#include "base/digest.h"
#include "base/status.h"

/* How a record is found. */
struct weight_key {
    struct digest source; /* of the bytes that it was packed from */
    struct digest whole;  /* of all that decides: the source, its shape, the way of packing */
};

struct weight_record {
    struct weight_key key;
    struct digest digest; /* of the data */
    const void *data;     /* 64-byte aligned */
    size_t bytes;
    bool mapped; /* the data lie in an open file, and are read for nothing but this */
};

struct weight_file;

/* STATUS_OK and *out = NULL when there is no such file. Another error: there is one, but it cannot be used. */
status weight_file_open(const char *path, struct weight_file **out, struct error *err);
/* NULL is allowed. */
void weight_file_close(struct weight_file *file);

/* NULL past the end. The data are not verified. */
const struct weight_record *weight_file_record(const struct weight_file *file, size_t i);
/* The record with that key and as many bytes, or NULL. The data are not verified. */
const struct weight_record *weight_file_find(const struct weight_file *file, const struct weight_key *key,
                                             size_t bytes);
/* Whether the record's data are what was written; reads all of them. */
bool weight_record_intact(const struct weight_record *record, int threads);

/* Writes the file beside its place and then renames it. */
status weight_file_write(const char *path, const struct weight_record *records, size_t count, struct error *err);

#endif
