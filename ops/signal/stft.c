/* STFT: transforms of frames of a signal, which may overlap, each weighted by a window. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/signal/fft.h"

struct stft_params {
    bool onesided;
};

struct stft_frames {
    int64_t length, step, count;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    (void)call;
    (void)err;
    ((struct stft_params *)out)->onesided = attribute_int(attributes, "onesided", 1) != 0;
    return STATUS_OK;
}

static status find_frames(const struct op_call *call, struct stft_frames *frames, struct error *err) {
    const struct shape *signal = &call->inputs[0]->shape;
    const struct tensor *window = op_input(call, 2);
    char text[SHAPE_TEXT_BYTES];
    status code = op_scalar_int(call, 1, &frames->step, err);
    frames->length = window && window->shape.rank == 1 ? window->shape.dims[0] : signal->dims[1];
    if (code == STATUS_OK && op_input(call, 3))
        code = op_scalar_int(call, 3, &frames->length, err);
    if (code != STATUS_OK)
        return code;
    if (window && (window->shape.rank != 1 || window->shape.dims[0] != frames->length))
        return fail(err, STATUS_SHAPE, "input 2 (window) has shape %s, expected [%lld], a frame",
                    shape_text(&window->shape, text), (long long)frames->length);
    if (frames->step < 1 || frames->length < 1 || frames->length > signal->dims[1])
        return fail(err, STATUS_INVALID_ARGUMENT, "frames of %lld every %lld do not fit a signal of %lld",
                    (long long)frames->length, (long long)frames->step, (long long)signal->dims[1]);
    frames->count = (signal->dims[1] - frames->length) / frames->step + 1;
    return STATUS_OK;
}

/* How many numbers make a sample. PyTorch's exporter leaves out the dimension of real ones, and onnxruntime lets it. */
static int64_t parts_of(const struct shape *signal) {
    return signal->rank == 2 ? 1 : signal->rank == 3 ? signal->dims[2] : 0;
}

static status infer(struct op_call *call, struct error *err) {
    const struct stft_params *params = call->params;
    const struct shape *signal = &call->inputs[0]->shape;
    const int64_t parts = parts_of(signal);
    char text[SHAPE_TEXT_BYTES];
    struct stft_frames frames;
    if (parts != 1 && parts != 2)
        return fail(err, STATUS_SHAPE,
                    "input 0 (signal) has shape %s, expected [batch, length, 1 or 2] or [batch, length]",
                    shape_text(signal, text));
    if (params->onesided && parts == 2)
        return fail(err, STATUS_SHAPE, "input 0 (signal) has shape %s: a onesided transform is of real numbers",
                    shape_text(signal, text));
    const status code = find_frames(call, &frames, err);
    if (code != STATUS_OK)
        return code;
    const int64_t bins = params->onesided ? frames.length / 2 + 1 : frames.length;
    const struct shape shape = {.rank = 4, .dims = {signal->dims[0], frames.count, bins, 2}};
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct shape *y = &call->outputs[0]->shape;
    struct stft_frames frames;
    *workspace_bytes = 0;
    status code = find_frames(call, &frames, err);
    if (code == STATUS_OK)
        code = fft_plan_make(call->state, call->inputs[0]->dtype, frames.length, call->kernels, err);
    if (code == STATUS_OK && !fft_own_bytes(call->state, y->dims[0] * y->dims[1], &call->own_bytes))
        return fail(err, STATUS_LIMIT, "the frames are too long");
    return code;
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *signal = call->inputs[0], *y = call->outputs[0], *window = op_input(call, 2);
    struct stft_frames frames;
    const status code = find_frames(call, &frames, err);
    if (code != STATUS_OK)
        return code;
    const int64_t bins = y->shape.dims[2];
    struct fft_job job = {.plan = call->state,
                          .from = signal->data,
                          .to = y->data,
                          .window = window ? window->data : NULL,
                          .lines = y->shape.dims[0] * y->shape.dims[1]};
    job.in = (struct fft_layout){frames.count,  signal->shape.dims[1],        frames.step, 1,
                                 frames.length, (int)parts_of(&signal->shape)};
    job.out = (struct fft_layout){frames.count, frames.count * bins, bins, 1, bins, 2};
    fft_run(&job, call);
    return STATUS_OK;
}

static void release(struct op_call *call) {
    fft_plan_drop(call->state);
}

static const struct op_facts facts = {.reach = op_reach_whole};
#define TYPES_SIGNAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs[] = {{"signal", TYPES_SIGNAL, ARG_T},
                                       {"frame_step", TYPES_INDEX, ARG_T1},
                                       {"window", TYPES_SIGNAL, ARG_OPTIONAL | ARG_T},
                                       {"frame_length", TYPES_INDEX, ARG_OPTIONAL | ARG_T1},
                                       {0}};
static const struct op_arg outputs[] = {{"output", TYPES_SIGNAL, ARG_T}, {0}};

const struct op ops_stft[] = {{.name = "STFT",
                               .domain = "",
                               .since = 17,
                               .inputs = inputs,
                               .outputs = outputs,
                               .params_size = sizeof(struct stft_params),
                               .state_size = sizeof(struct fft_plan),
                               .parse = parse,
                               .infer = infer,
                               .prepare = prepare,
                               .run = run,
                               .release = release,
                               .facts = &facts},
                              {.name = NULL}};
