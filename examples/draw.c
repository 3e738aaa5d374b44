/* Draws one picture through the C interface (docs/c_api.md):  draw [MODEL_FOLDER] PROMPT OUTPUT.png
   Without a folder: the model that NEWBIE_MODEL names, or the one that was installed with the library. */
#include <newbie.h>
#include <stdio.h>

typedef struct output {
  const char* path;
  newbie_status status;
  newbie_error* error;
} output;

static void save(void* user, const newbie_picture* picture) {
  output* out = user;
  out->status = newbie_save_png(picture, out->path, &out->error);
}

static newbie_status told(newbie_status status, newbie_error* error) {
  if (status != NEWBIE_OK) fprintf(stderr, "%s\n%s\n", newbie_error_message(error), newbie_error_hint(error));
  newbie_error_free(error);
  return status;
}

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  output out = {argv[argc - 1], NEWBIE_OK, NULL};
  newbie_options options;
  newbie_options_init(&options, sizeof options);
  if (argc == 4) options.model = argv[1];
  newbie_request request;
  newbie_request_init(&request, sizeof request);
  request.prompt = argv[argc - 2];
  request.seed = 7;
  newbie_callbacks callbacks;
  newbie_callbacks_init(&callbacks, sizeof callbacks);
  callbacks.user = &out;
  callbacks.on_picture = save;

  newbie_engine* engine = NULL;
  newbie_error* error = NULL;
  newbie_status status = newbie_open(&options, &engine, &error);
  if (status == NEWBIE_OK) status = newbie_generate(engine, &request, &callbacks, &error);
  newbie_close(engine);
  status = told(status, error);
  const newbie_status saved = told(out.status, out.error); /* a full disk is no failure of drawing */
  return status != NEWBIE_OK ? status : saved;
}
