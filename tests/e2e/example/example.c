/* Runs a generator on a gray picture: example MODEL. Needs only the installed header and library. */
#include <limner.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    limner_error error;
    limner_model *model = NULL;
    limner_session *session = NULL;
    limner_options options = LIMNER_OPTIONS_INIT;
    int code = 1;
    if (argc != 2)
        return 2;

    limner_tensor input = {.type = LIMNER_FLOAT, .rank = 4, .dims = {1, 3, 64, 96}};
    const size_t count = 3 * 64 * 96;
    float *pixels = malloc(count * sizeof *pixels);
    if (!pixels)
        return 1;
    for (size_t i = 0; i < count; i++)
        pixels[i] = 0.5f;
    input.data = pixels;
    input.bytes = count * sizeof *pixels;

    options.threads = 2;
    limner_tensor output = {0}; /* the model's first output, in memory of the session */
    if (limner_model_load(argv[1], NULL, &model, &error) == LIMNER_OK &&
        limner_session_create(model, &options, &session, &error) == LIMNER_OK &&
        limner_session_run(session, &input, 1, &output, 1, &error) == LIMNER_OK) {
        const float *made = output.data;
        printf("%s: %lld x %lld pixels, the first is %.4f\n", output.name, (long long)output.dims[3],
               (long long)output.dims[2], (double)made[0]);
        code = 0;
    } else {
        fprintf(stderr, "%s\n", error.message);
    }
    limner_session_close(session);
    limner_model_close(model);
    free(pixels);
    return code;
}
