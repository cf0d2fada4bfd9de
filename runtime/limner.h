/*
 * limner: runs ONNX networks that make pictures.
 *
 * A model is loaded once, is immutable, and may serve many sessions and threads at once. A session runs one model and
 * is for one thread at a time; different sessions may run at the same time. There is no global state.
 *
 * Every function that reads, plans or runs takes a limner_error (may be NULL), fills it, and returns the same status.
 * Those that only answer return LIMNER_INVALID_ARGUMENT where there is nothing to answer, a pointer that must not be
 * NULL included. Output parameters are set to NULL or left alone on failure. All strings are UTF-8, zero-terminated,
 * never to be freed, and owned by the object they were asked from; those that no object was asked for are constants.
 *
 * Structures that may grow begin with `size`, which the caller sets to their sizeof, as LIMNER_OPTIONS_INIT and its
 * like do. Of options, what a caller's older structure does not have is 0, the default; what a newer one has and this
 * library does not know must be 0. Of answers, as many bytes are filled in as both know; the rest of a newer one is 0.
 */
#ifndef LIMNER_H
#define LIMNER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LIMNER_API __attribute__((visibility("default")))
#else
#define LIMNER_API
#endif

#define LIMNER_VERSION "0.3.2"
#define LIMNER_MAX_RANK 8

typedef enum limner_status {
    LIMNER_OK = 0,
    LIMNER_INVALID_ARGUMENT = 1, /* the call makes no sense: unknown input name, wrong element type, ... */
    LIMNER_IO = 2,               /* a file could not be read or written */
    LIMNER_INVALID_MODEL = 3,    /* the file breaks the ONNX specification */
    LIMNER_UNSUPPORTED = 4,      /* valid ONNX that this version does not run; the message lists every such node */
    LIMNER_LIMIT = 5,            /* a limit (limner_limits) would be passed */
    LIMNER_NO_MEMORY = 6,
    LIMNER_SHAPE = 7,     /* shapes that do not fit the model or each other */
    LIMNER_CANCELLED = 8, /* limner_session_cancel() ended the run */
    LIMNER_TRY_AGAIN = 9  /* as LIMNER_IO, for a reason that passes: a full disk, a server that is away, ... */
} limner_status;

typedef struct limner_error {
    limner_status status;
    char message[4096]; /* one line or a few, no closing newline */
} limner_error;

/* Element types, with ONNX's numbers (TensorProto.DataType). Types that are not listed keep their ONNX number. */
typedef enum limner_type {
    LIMNER_UNDEFINED = 0,
    LIMNER_FLOAT = 1,
    LIMNER_UINT8 = 2,
    LIMNER_INT8 = 3,
    LIMNER_UINT16 = 4,
    LIMNER_INT16 = 5,
    LIMNER_INT32 = 6,
    LIMNER_INT64 = 7,
    LIMNER_STRING = 8,
    LIMNER_BOOL = 9,
    LIMNER_FLOAT16 = 10,
    LIMNER_DOUBLE = 11,
    LIMNER_UINT32 = 12,
    LIMNER_UINT64 = 13,
    LIMNER_BFLOAT16 = 16,
    /* Kinds of values that are no plain tensors: see limner_tensor. */
    LIMNER_SEQUENCE = 101,
    LIMNER_OPTIONAL = 102,
    LIMNER_MAP = 103
} limner_type;

/* "float", "int64", ...; "unknown" for a number that is none. */
LIMNER_API const char *limner_type_name(limner_type type);
/* "invalid model", "out of memory", ...; "unknown status" for a number that is none. */
LIMNER_API const char *limner_status_name(limner_status status);
/* LIMNER_VERSION of the library that is really linked. */
LIMNER_API const char *limner_version(void);

/* An element of a LIMNER_STRING tensor: any bytes, zeros among them, UTF-8 as a rule. bytes is never NULL. */
typedef struct limner_string {
    const char *bytes;
    size_t length; /* without the zero that stands behind the bytes of strings that limner gives */
} limner_string;

/*
 * A dense, row-major array. data belongs to whoever made the tensor.
 *
 * data of a LIMNER_STRING tensor are limner_string: those given to limner, and the bytes they point to, are the
 * caller's and are only read during the call; those that limner gives point to bytes of the session, which live as long
 * as an output that is not copied (limner_session_run), also where the strings themselves were copied.
 *
 * A sequence, an optional or a map is a tensor of type LIMNER_SEQUENCE, LIMNER_OPTIONAL or LIMNER_MAP whose data are
 * limner_tensor: rank is 1, dims[0] says how many, bytes are so many times sizeof(limner_tensor). An optional has one
 * item or none; a map has two, the list of its keys (integers or strings) and the list of its values. Names of items
 * are not looked at, and NULL in what limner gives. Whose memory items are, and how long they live, is as for strings.
 * For an input that is an optional, what it should have may be given as it is.
 */
typedef struct limner_tensor {
    const char *name; /* of the model's input or output */
    limner_type type;
    int rank; /* 0 = scalar */
    int64_t dims[LIMNER_MAX_RANK];
    void *data;
    size_t bytes; /* size of data; of a packed or unknown type, too */
} limner_tensor;

/* What a file may ask for; zero in a field means the default. */
typedef struct limner_limits {
    size_t size;            /* sizeof(limner_limits) */
    size_t model_bytes;     /* the .onnx file itself; default 1 TiB */
    size_t tensor_bytes;    /* one tensor, in the file or while running; default 64 GiB */
    size_t arena_bytes;     /* all activations of one run together; default 64 GiB */
    size_t nodes;           /* default 1,000,000 */
    size_t loop_iterations; /* of all loops of one run together; default 10,000,000 */
} limner_limits;

#define LIMNER_LIMITS_INIT \
    { sizeof(limner_limits), 0, 0, 0, 0, 0 }

/* ---- models ---- */

typedef struct limner_model limner_model;

/*
 * Loads, checks and optimises the model at path, with its external data. limits NULL: the defaults. *model is the
 * caller's, to be closed. Weights stay in the mapped files: do not change them while in use. Fails with LIMNER_IO or
 * LIMNER_TRY_AGAIN (files), LIMNER_INVALID_MODEL, LIMNER_UNSUPPORTED, LIMNER_SHAPE, LIMNER_LIMIT or LIMNER_NO_MEMORY;
 * the message begins with the path.
 */
LIMNER_API limner_status limner_model_load(const char *path, const limner_limits *limits, limner_model **model,
                                           limner_error *error);
/* The same from `bytes` bytes of memory that the caller keeps alive and unchanged until the model and all its sessions
   are closed. folder: where external data lies, or NULL: a model that has some is refused. */
LIMNER_API limner_status limner_model_load_memory(const void *data, size_t bytes, const char *folder,
                                                  const limner_limits *limits, limner_model **model,
                                                  limner_error *error);
/* Gives up the caller's hold; sessions keep the model alive for themselves. NULL is allowed. */
LIMNER_API void limner_model_close(limner_model *model);

/* An input or output as the model declares it. */
typedef struct limner_value {
    const char *name;
    limner_type type;
    int rank;                           /* -1: not declared */
    int64_t dims[LIMNER_MAX_RANK];      /* -1: any size */
    const char *names[LIMNER_MAX_RANK]; /* of the free sizes ("batch"), or NULL */
    int optional;                       /* an input that has a default value in the model */
} limner_value;

/* How many there are; 0 for NULL. Inputs that a run must be given come first, those with default values after them. */
LIMNER_API size_t limner_model_input_count(const limner_model *model);
LIMNER_API size_t limner_model_output_count(const limner_model *model);
/* The i-th, from 0; strings of *value are the model's. LIMNER_INVALID_ARGUMENT when there is no i-th. */
LIMNER_API limner_status limner_model_input(const limner_model *model, size_t i, limner_value *value);
LIMNER_API limner_status limner_model_output(const limner_model *model, size_t i, limner_value *value);

/* The declared type as ONNX writes it: "tensor(float)", "seq(tensor(float))", "map(int64,tensor(float))". "" when there
   is no i-th. Sequences, optionals and maps have rank -1 in limner_value. */
LIMNER_API const char *limner_model_input_type(const limner_model *model, size_t i);
LIMNER_API const char *limner_model_output_type(const limner_model *model, size_t i);

typedef struct limner_model_info {
    size_t size; /* sizeof(limner_model_info) */
    int64_t ir_version, model_version;
    const char *producer_name, *producer_version, *domain, *doc, *graph_name;
    size_t node_count;      /* as in the file */
    size_t optimized_count; /* after the passes */
    uint64_t parameters;    /* elements of all initializers and constants */
    size_t file_bytes;      /* model and external data */
} limner_model_info;

#define LIMNER_MODEL_INFO_INIT \
    { sizeof(limner_model_info), 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0 }

/* LIMNER_INVALID_ARGUMENT without a model, or when info->size is not set. */
LIMNER_API limner_status limner_model_get_info(const limner_model *model, limner_model_info *info);
/* The i-th imported operator set; *domain is "" for ONNX's own. LIMNER_INVALID_ARGUMENT past the end. */
LIMNER_API limner_status limner_model_opset(const limner_model *model, size_t i, const char **domain, int64_t *version);
/* The i-th entry of metadata_props, its strings the model's. LIMNER_INVALID_ARGUMENT past the end. */
LIMNER_API limner_status limner_model_metadata(const limner_model *model, size_t i, const char **key,
                                               const char **value);

/* ---- sessions ---- */

typedef struct limner_session limner_session;

typedef enum limner_cpu {
    LIMNER_CPU_AUTO = 0, /* the best that the processor has */
    LIMNER_CPU_PORTABLE = 1,
    LIMNER_CPU_AVX2 = 2,
    LIMNER_CPU_AVX512 = 3
} limner_cpu;

/* What a decoder makes of a picture's file: width * height pixels, row by row, red, green and blue, 8 bits each, in
   memory of malloc(), which limner gives back with free(). */
typedef struct limner_image {
    size_t size; /* sizeof(limner_image), set by limner */
    int64_t width, height;
    unsigned char *samples;
} limner_image;

/*
 * Decodes the file that lies in memory, for the operator ImageDecoder. data are a stranger's. Is called while the
 * session plans and runs, in its thread, and twice for one picture. A picture that is damaged has no pixels for the
 * model, as ONNX wants it; LIMNER_UNSUPPORTED (no such kind of file), LIMNER_LIMIT and LIMNER_NO_MEMORY end the run
 * with the decoder's message.
 */
typedef limner_status limner_image_decoder(void *context, const void *data, size_t bytes, limner_image *image,
                                           limner_error *error);

/* Zero everywhere but in size is a good default. */
typedef struct limner_options {
    size_t size;    /* sizeof(limner_options) */
    int threads;    /* at most; 0: one per processor that this process may use (affinity, quota of its control group) */
    limner_cpu cpu; /* instructions to compute with; an error when the processor lacks them */
    /* 1: direct sums only, no Winograd and no Strassen: smaller rounding errors, less memory, slower */
    int exact;
    int profile;                 /* 1: time every node (limner_session_profile) */
    int plans;                   /* how many plans to cache, one for each set of input shapes; 0: 4 */
    const limner_limits *limits; /* of running; NULL: the defaults */
    int low_memory;              /* 1: as little memory as can be, slower: exact, mapped pages let go, no huge pages */
    const char *cache; /* a file that stores the model's packed weights, so that the next start is short; NULL: none */
    size_t keep_bytes; /* the most activations that the session keeps from run to run (limner_session_trim); 0: all */
    limner_image_decoder *image_decoder; /* for models with the operator ImageDecoder; NULL: those do not run */
    void *image_context;                 /* handed to it */
} limner_options;

#define LIMNER_OPTIONS_INIT \
    { sizeof(limner_options), 0, LIMNER_CPU_AUTO, 0, 0, 0, NULL, 0, NULL, 0, NULL, NULL }

/*
 * *session is the caller's, to be closed. options NULL: the defaults; what they point to may go once the call is done,
 * but for the decoder and its context. The session holds the model; the caller may close its own hold. Fails with
 * LIMNER_INVALID_ARGUMENT (an option that is none, a processor that lacks the instructions) or LIMNER_NO_MEMORY.
 */
LIMNER_API limner_status limner_session_create(limner_model *model, const limner_options *options,
                                               limner_session **session, limner_error *error);
/* Ends what its outputs, notes and profiles point to. Not while a run goes on. NULL is allowed. */
LIMNER_API void limner_session_close(limner_session *session);

/*
 * Runs the model. inputs: by name, or by position where name is NULL; they are only read. outputs: by name, or by
 * position where name is NULL; not every output need be asked for. An output with data == NULL is filled in and points
 * into the session, valid until its next run, swap, trim or close; one with data != NULL says in `bytes` how much room
 * there is, and is copied there, but that one that points to an output of the last run counts as NULL. The first run
 * with new input shapes plans; later ones do not allocate. What an output of the last run points to, or any part of it,
 * may be an input of this one: it is copied before anything is overwritten. The caller's memory for outputs may overlap
 * that of inputs, for all outputs are written when the run is done; it must not overlap that of other outputs.
 * Fails with LIMNER_INVALID_ARGUMENT (names, types, sizes of memory), LIMNER_SHAPE, LIMNER_UNSUPPORTED or
 * LIMNER_INVALID_MODEL (what shows only with these shapes or values), LIMNER_LIMIT, LIMNER_NO_MEMORY,
 * LIMNER_CANCELLED; then no output is written, and the session can run again.
 */
LIMNER_API limner_status limner_session_run(limner_session *session, const limner_tensor *inputs, size_t input_count,
                                            limner_tensor *outputs, size_t output_count, limner_error *error);

/*
 * What was odd with inputs, and no reason to refuse them: two sizes for one name of a free size. The first such thing
 * since the session was created or another model was swapped in, for people to read; "" when there is nothing to say.
 * It is the session's, and valid until its next run, plan or swap.
 */
LIMNER_API const char *limner_session_note(const limner_session *session);

/*
 * Ends the run that is going on in another thread: it returns LIMNER_CANCELLED as soon as the node that it computes is
 * done. May be called at any time from any thread, as long as the session is not closed meanwhile. Without a run it
 * does nothing: a run that begins later is not ended. The session can run again.
 */
LIMNER_API void limner_session_cancel(limner_session *session);

/*
 * Activations, and copies of inputs, grow to those of the largest run and stay, so that later runs find them ready.
 * This gives them back to the system now; outputs that point into the session end. What stays: plans, and packed
 * weights, which belong to the model. The next run takes what it needs again and has the same bits. options.keep_bytes
 * does the same after every run that leaves more than so much, but for the outputs that point into the session, which
 * stay until the next run, swap, trim or close. NULL is allowed.
 */
LIMNER_API void limner_session_trim(limner_session *session);

/*
 * Puts another model (a generator variant) into a running session. Its inputs and outputs must have the same names and
 * types as those of the present model. Plans of the session are reused when the models differ in nothing but the values
 * of their weights, which are packed anew; else the same input shapes are planned for the new model. All this comes
 * first: when anything fails, the session goes on with the old model. The session holds the new model, and gives up its
 * hold of the old one. Fails with LIMNER_INVALID_ARGUMENT where names or types differ, else as a run that plans.
 */
LIMNER_API limner_status limner_session_swap(limner_session *session, limner_model *model, limner_error *error);

/*
 * options.cache (copied): packed weights are looked for in that file first, and limner_session_save_cache writes it
 * anew when something was packed that it does not hold; whatever stands there is replaced. Call it after the first run,
 * or before closing. Weights are found by what they are: after a change of the model, of limner or of the options
 * nothing old is used. A file that is not there is no error, nor is one that cannot be used: limner_session_cache_note
 * says why, "" where there is nothing to say. Sessions of one model share the file of the first that names one; a model
 * that is swapped in has its own, or none. Without options.cache, or with nothing new, saving does nothing. It fails
 * with LIMNER_IO, LIMNER_TRY_AGAIN or LIMNER_NO_MEMORY, and what stood there stays.
 */
LIMNER_API limner_status limner_session_save_cache(limner_session *session, limner_error *error);
LIMNER_API const char *limner_session_cache_note(const limner_session *session);

/* What a plan needs. */
typedef struct limner_plan_info {
    size_t size;         /* sizeof(limner_plan_info) */
    double macs;         /* multiply-accumulates of one run */
    size_t arena_bytes;  /* activations and workspaces */
    size_t weight_bytes; /* packed weights held by the model */
    size_t steps;        /* nodes that run */
} limner_plan_info;

#define LIMNER_PLAN_INFO_INIT \
    { sizeof(limner_plan_info), 0, 0, 0, 0 }

/*
 * Plans for the given input shapes as a run would, and keeps the plan for it. Of inputs, name, type, rank and dims are
 * read; data may be NULL. Fails as limner_session_run does.
 */
LIMNER_API limner_status limner_session_plan(limner_session *session, const limner_tensor *inputs, size_t input_count,
                                             limner_plan_info *info, limner_error *error);

/* One node of the last plan that ran; times are sums over the runs since the plan was made, with options.profile on. */
typedef struct limner_node_profile {
    size_t size;                /* sizeof(limner_node_profile) */
    const char *name, *op_type; /* op_type as it runs: "Conv+LeakyRelu" */
    double milliseconds;        /* mean of one run */
    double fastest;             /* milliseconds of the fastest run */
    double macs;
    double bytes; /* of the tensors that it reads and writes, weights included */
    uint64_t runs;
    int rank; /* of output 0 */
    int64_t dims[LIMNER_MAX_RANK];
} limner_node_profile;

#define LIMNER_NODE_PROFILE_INIT                                     \
    {                                                                \
        sizeof(limner_node_profile), NULL, NULL, 0, 0, 0, 0, 0, 0, { \
            0                                                        \
        }                                                            \
    }

/* The i-th step; LIMNER_INVALID_ARGUMENT past the end or before the first run. */
LIMNER_API limner_status limner_session_profile(const limner_session *session, size_t i, limner_node_profile *profile);

/* The plans of a session: one for each set of input shapes. */
typedef struct limner_session_info {
    size_t size;  /* sizeof(limner_session_info) */
    size_t plans; /* cached now */
    /* Made since the session was created: for new input shapes, and by swaps that could not reuse a plan. */
    size_t plans_made;
    size_t plans_reused; /* by swaps: the same steps and the same places in memory, with the new model's weights */
    size_t held_bytes;   /* activations and copies of inputs that the session has now */
} limner_session_info;

#define LIMNER_SESSION_INFO_INIT \
    { sizeof(limner_session_info), 0, 0, 0, 0 }

/* LIMNER_INVALID_ARGUMENT without a session, or when info->size is not set. */
LIMNER_API limner_status limner_session_get_info(const limner_session *session, limner_session_info *info);

/* Threads (at most) and instruction set in use ("avx512"); 0 and "" for NULL. */
LIMNER_API int limner_session_threads(const limner_session *session);
LIMNER_API const char *limner_session_cpu(const limner_session *session);

/* ---- what this build can do ---- */

typedef struct limner_operator {
    const char *name, *domain;
    int since, until; /* opset versions; until is the newest one known when nothing newer changed it */
} limner_operator;

/* The i-th supported operator, once for each range of versions; LIMNER_INVALID_ARGUMENT past the end. */
LIMNER_API limner_status limner_operator_at(size_t i, limner_operator *op);

#ifdef __cplusplus
}
#endif

#endif
