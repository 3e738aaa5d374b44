/* Draws one picture through the C interface (docs/c_api.md):  draw MODEL_FOLDER PROMPT OUTPUT.png */
#include <newbie.h>
#include <stdio.h>

static void save(void* path, const newbie_picture* picture) { newbie_save_png(picture, path, NULL); }

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  newbie_options options;
  newbie_options_init(&options, sizeof options);
  options.model = argv[1];
  newbie_request request;
  newbie_request_init(&request, sizeof request);
  request.prompt = argv[2];
  request.seed = 7;
  newbie_callbacks callbacks;
  newbie_callbacks_init(&callbacks, sizeof callbacks);
  callbacks.user = argv[3];
  callbacks.on_picture = save;

  newbie_engine* engine = NULL;
  newbie_error* error = NULL;
  newbie_status status = newbie_open(&options, &engine, &error);
  if (status == NEWBIE_OK) status = newbie_generate(engine, &request, &callbacks, &error);
  if (status != NEWBIE_OK) fprintf(stderr, "%s\n%s\n", newbie_error_message(error), newbie_error_hint(error));
  newbie_error_free(error);
  newbie_close(engine);
  return status;
}
