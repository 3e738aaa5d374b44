/* Draws one picture through the C interface (docs/c_api.md):  draw MODEL_FOLDER PROMPT OUTPUT.png
 * An empty MODEL_FOLDER is the model that the library finds. */
#include <newbie.h>
#include <stdio.h>

struct output {
  const char* path;
  newbie_status saved;
  newbie_error* error; /* why it was not */
};

static void save(void* user, const newbie_picture* picture) {
  struct output* output = user;
  output->saved = newbie_save_png(picture, output->path, &output->error);
}

static int fail(newbie_status status, newbie_error* error) {
  fprintf(stderr, "%s\n%s\n", newbie_error_message(error), newbie_error_hint(error));
  newbie_error_free(error);
  return status;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  newbie_options options;
  newbie_options_init(&options, sizeof options);
  options.model = argv[1];
  newbie_request request;
  newbie_request_init(&request, sizeof request);
  request.prompt = argv[2];
  request.seed = 7;
  struct output output = {.path = argv[3]};
  newbie_callbacks callbacks;
  newbie_callbacks_init(&callbacks, sizeof callbacks);
  callbacks.user = &output;
  callbacks.on_picture = save;

  newbie_engine* engine = NULL;
  newbie_error* error = NULL;
  newbie_status status = newbie_open(&options, &engine, &error);
  if (status == NEWBIE_OK) status = newbie_generate(engine, &request, &callbacks, &error);
  newbie_close(engine);
  if (status != NEWBIE_OK) return fail(status, error);
  if (output.saved != NEWBIE_OK) return fail(output.saved, output.error);
  return 0;
}
