/* A C program that uses newbie.h as a stranger would: opens the embedded model, plans, draws what the command line
 * draws, stops, and is refused.  Usage: program MODEL_FOLDER OUTPUT_FOLDER NEWBIE_PROGRAM */
#include <newbie.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

int failures = 0;

void expect(int condition, const char* what, int line) {
  if (condition) return;
  fprintf(stderr, "line %d: %s\n", line, what);
  ++failures;
}

void expect_refused(newbie_status got, newbie_status want, newbie_error* error, const char* part, int line) {
  expect(got == want, "another status", line);
  if (strstr(newbie_error_message(error), part) == NULL) {
    fprintf(stderr, "line %d: \"%s\" does not hold \"%s\"\n", line, newbie_error_message(error), part);
    ++failures;
  }
  newbie_error_free(error);
}

struct seen {
  int stages, steps, pictures, stop_after; /* stop_after < 0: never */
  size_t bytes;
  uint8_t* pixels;
  const char* output;
};

static newbie_engine* engine = NULL;
static newbie_request request;

static void on_stage(void* user, const char* name) {
  struct seen* s = user;
  EXPECT(name[0] != 0);
  ++s->stages;
}
static void on_step(void* user, const newbie_step* step) {
  struct seen* s = user;
  EXPECT(step->evaluation == ++s->steps && step->evaluations == 2 && step->pictures == 1);
}
static void on_picture(void* user, const newbie_picture* picture) {
  struct seen* s = user;
  ++s->pictures;
  EXPECT(picture->width == 32 && picture->height == 16 && picture->channels == 3);
  EXPECT(picture->pixel_bytes == 32 * 16 * 3 && picture->seed == 5);
  EXPECT(strstr(picture->parameters, "Seed: 5") != NULL && picture->request_json[0] == '{');
  s->bytes = picture->pixel_bytes;
  s->pixels = malloc(s->bytes);
  if (s->pixels != NULL) memcpy(s->pixels, picture->pixels, s->bytes);
  EXPECT(newbie_save_png(picture, s->output, NULL) == NEWBIE_OK);
  EXPECT_REFUSED(newbie_save_png(picture, "/nowhere/at/all.png", &error), NEWBIE_BAD_FILE, "/nowhere/at/all.png");
}
static int should_stop(void* user) {
  const struct seen* s = user;
  return s->stop_after >= 0 && s->steps >= s->stop_after;
}

static newbie_callbacks callbacks_into(struct seen* s) {
  newbie_callbacks c;
  newbie_callbacks_init(&c, sizeof c);
  c.user = s;
  c.on_stage = on_stage;
  c.on_step = on_step;
  c.on_picture = on_picture;
  c.should_stop = should_stop;
  return c;
}

/* Another call while one runs is refused, whoever makes it. */
static void call_from_callback(void* user, const char* name) {
  newbie_plan plan;
  (void)name;
  newbie_plan_init(&plan, sizeof plan);
  EXPECT_REFUSED(newbie_make_plan(engine, &request, &plan, &error), NEWBIE_INVALID_REQUEST, "busy");
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "busy");
  ++*(int*)user;
}

static void stop_on_signal(int number) {
  (void)number;
  newbie_stop(engine);
}
static void raise_at_second(void* user, const newbie_step* step) {
  (void)user;
  if (step->evaluation == 2) raise(SIGUSR1);
}

/* All bytes of a file, to be freed; NULL when there is none. */
static char* read_all(const char* path, size_t* bytes) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  char* out = malloc(1 << 20);
  *bytes = out == NULL ? 0 : fread(out, 1, 1 << 20, file);
  fclose(file);
  return out;
}
static int same_files(const char* a, const char* b) {
  size_t a_bytes = 0, b_bytes = 0;
  char *a_text = read_all(a, &a_bytes), *b_text = read_all(b, &b_bytes);
  const int same = a_text != NULL && b_text != NULL && a_bytes == b_bytes && memcmp(a_text, b_text, a_bytes) == 0;
  free(a_text);
  free(b_text);
  return same;
}

static void count_messages(void* user, int is_warning, const char* text) {
  EXPECT(text[0] != 0);
  *(int*)user += is_warning;
}

static const char* const kAllStages[] = {"picture", "gemma",  "jina",  "context", "denoise",
                                         "enlarge", "encode", "hires", "decode",  NULL};

/* Requests as JSON, without drawing. */
static void check_json(const newbie_request* request) {
  char *fields = NULL, *json = NULL, *again = NULL;
  newbie_error* error = NULL;
  EXPECT(newbie_request_fields(&fields, NULL) == NEWBIE_OK && strstr(fields, "\"cfg_trunc\"") != NULL);
  EXPECT(newbie_request_to_json(request, &json, NULL) == NEWBIE_OK && strstr(json, "\"sampler\":\"euler\"") != NULL);
  EXPECT(newbie_request_complete(json, &again, NULL) == NEWBIE_OK && strcmp(json, again) == 0);
  newbie_text_free(again);
  EXPECT(newbie_request_complete("{\"prompt\": \"a\", \"steps\": 0}", &again, &error) == NEWBIE_INVALID_REQUEST);
  EXPECT(again == NULL && strcmp(newbie_error_field(error), "steps") == 0);
  newbie_error_free(error);
  EXPECT_REFUSED(newbie_request_complete("{\"prompt\": \"a\", \"stesp\": 3}", &again, &error), NEWBIE_INVALID_REQUEST,
                 "stesp");
  EXPECT_REFUSED(newbie_request_complete("{\"prompt\"", &again, &error), NEWBIE_INVALID_REQUEST, "request");
  EXPECT_REFUSED(newbie_request_complete("{}", &again, &error), NEWBIE_INVALID_REQUEST, "no prompt");
  EXPECT_REFUSED(newbie_request_complete("{\"prompt\": \"a\", \"init_image\": \"/nowhere.png\"}", &again, &error),
                 NEWBIE_BAD_FILE, "/nowhere.png");
  EXPECT_REFUSED(newbie_request_complete(NULL, &again, &error), NEWBIE_INVALID_REQUEST, "NULL");
  EXPECT_REFUSED(newbie_request_fields(NULL, &error), NEWBIE_INVALID_REQUEST, "json is NULL");
  EXPECT_REFUSED(newbie_make_plan_json(NULL, json, &again, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");
  EXPECT(newbie_error_field(NULL)[0] == 0);
  newbie_text_free(NULL);
  newbie_text_free(json);
  newbie_text_free(fields);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  char output[4096], cli_output[4096], command[16384];
  snprintf(output, sizeof output, "%s/capi.png", argv[2]);
  snprintf(cli_output, sizeof cli_output, "%s/capi_cli.png", argv[2]);
  remove(output);
  EXPECT(newbie_version()[0] != 0);

  newbie_options options;
  newbie_options_init(&options, sizeof options);
  /* Without a path it is the model that is found: here the source tree's, whatever the environment says. */
  unsetenv("NEWBIE_MODEL");
  EXPECT(newbie_open(&options, &engine, NULL) == NEWBIE_OK);
  newbie_close(engine);
  setenv("NEWBIE_MODEL", "/nowhere/in/the/environment", 1);
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_BAD_FILE, "/nowhere/in/the/environment");
  options.model = "/nowhere/at/all";
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_BAD_FILE, "/nowhere/at/all");
  {
    newbie_error* error = NULL;
    EXPECT(newbie_open(&options, &engine, &error) == NEWBIE_BAD_FILE && newbie_error_hint(error)[0] != 0);
    newbie_error_free(error);
    EXPECT(newbie_open(&options, &engine, NULL) == NEWBIE_BAD_FILE);
  }
  EXPECT_REFUSED(newbie_open(NULL, &engine, &error), NEWBIE_INVALID_REQUEST, "options is NULL");
  EXPECT_REFUSED(newbie_open(&options, NULL, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");
  EXPECT(engine == NULL);
  options.model = argv[1];
  options.precision = 7;
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_INVALID_REQUEST, "precision");
  options.precision = NEWBIE_PRECISION_F32;
  options.dtype = "f32";
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_INVALID_REQUEST, "said twice");
  options.dtype = NULL;
  options.guard = "sometimes";
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_INVALID_REQUEST, "sometimes");
  options.guard = NULL;
  options.threads = 100000;
  EXPECT_REFUSED(newbie_open(&options, &engine, &error), NEWBIE_INVALID_REQUEST, "thread count");
  options.threads = 2;
  int warnings = 0;
  options.on_message = count_messages;
  options.user = &warnings;

  /* A program built with a later header: unknown fields are taken while they are 0. */
  struct {
    newbie_options known;
    size_t later;
  } newer;
  memset(&newer, 0, sizeof newer);
  newer.known = options;
  newer.known.struct_size = sizeof newer;
  newer.later = 1;
  EXPECT_REFUSED(newbie_open(&newer.known, &engine, &error), NEWBIE_UNSUPPORTED, "does not know");
  newer.later = 0;
  newbie_error* failure = NULL;
  if (newbie_open(&newer.known, &engine, &failure) != NEWBIE_OK) {
    fprintf(stderr, "open: %s (%s)\n", newbie_error_message(failure), newbie_error_hint(failure));
    return 1;
  }
  EXPECT(failure == NULL);

  newbie_request_init(&request, sizeof request);
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "no prompt");
  request.prompt = "1girl, purple_hair, glasses";
  request.width = 33;
  request.height = 16;
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "multiples of 16");
  request.width = 32;
  request.seed = 5;
  request.sampler = "euler";
  request.struct_size = 4;
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "struct_size");
  request.struct_size = sizeof request;
  request.sampler = "nonsense";
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "nonsense");
  request.sampler = "euler";
  request.sigma_count = 3;
  EXPECT_REFUSED(newbie_generate(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "sigmas is NULL");
  const double sigmas[] = {1.0, 0.5, 0.0};
  request.sigmas = sigmas;
  EXPECT_REFUSED(newbie_generate(NULL, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");

  newbie_plan plan;
  newbie_plan_init(&plan, sizeof plan);
  EXPECT(newbie_make_plan(engine, &request, &plan, NULL) == NEWBIE_OK);
  EXPECT(plan.stage_count == 5 && strcmp(plan.stages[3].name, "denoise") == 0);
  EXPECT(plan.peak_bytes > plan.allocated_bytes && plan.allocated_bytes >= plan.stages[3].peak_bytes);
  EXPECT_REFUSED(newbie_make_plan(engine, &request, NULL, &error), NEWBIE_INVALID_REQUEST, "plan is NULL");

  EXPECT(plan.total_stage_count == 5);
  {
    /* A program built when the struct ended with its stages. */
    newbie_plan old;
    newbie_plan_init(&old, offsetof(newbie_plan, total_stage_count));
    memset(&old.total_stage_count, 0x55, sizeof old.total_stage_count);
    const size_t behind = old.total_stage_count;
    EXPECT(newbie_make_plan(engine, &request, &old, NULL) == NEWBIE_OK && old.stage_count == 5);
    EXPECT(old.total_stage_count == behind);
  }
  check_json(&request);

  struct seen first = {.stop_after = -1, .output = output}, stopped = {.stop_after = 1, .output = output},
              second = {.stop_after = -1, .output = output};
  newbie_callbacks c = callbacks_into(&first);
  EXPECT(newbie_generate(engine, &request, &c, NULL) == NEWBIE_OK);
  EXPECT(first.stages > 4 && first.steps == 2 && first.pictures == 1);
  c = callbacks_into(&stopped);
  EXPECT_REFUSED(newbie_generate(engine, &request, &c, &error), NEWBIE_CANCELLED, "stop");
  EXPECT(stopped.pictures == 0);
  newbie_stop(engine); /* nothing runs: the next request is not concerned */
  c = callbacks_into(&second);
  EXPECT(newbie_generate(engine, &request, &c, NULL) == NEWBIE_OK);
  EXPECT(first.pixels != NULL && second.pixels != NULL && first.bytes == second.bytes &&
         memcmp(first.pixels, second.pixels, first.bytes) == 0);
  EXPECT(newbie_generate(engine, &request, NULL, NULL) == NEWBIE_OK);
  EXPECT(warnings == 0);

  /* So does the same request in JSON, and its plan has no place for too many stages. */
  char* json = NULL;
  struct seen third = {.stop_after = -1, .output = output};
  c = callbacks_into(&third);
  EXPECT(newbie_request_to_json(&request, &json, NULL) == NEWBIE_OK);
  EXPECT(newbie_generate_json(engine, json, &c, NULL) == NEWBIE_OK);
  EXPECT(third.pixels != NULL && third.bytes == first.bytes && memcmp(first.pixels, third.pixels, first.bytes) == 0);
  free(third.pixels);
  newbie_text_free(json);
  snprintf(command, sizeof command, "{\"prompt\": \"a\", \"init_image\": \"%s\", \"hires_scale\": 2, \"steps\": 3}",
           output);
  EXPECT(newbie_make_plan_json(engine, command, &json, NULL) == NEWBIE_OK);
  for (const char* const* stage = kAllStages; *stage != NULL; ++stage) EXPECT(strstr(json, *stage) != NULL);
  newbie_text_free(json);

  /* The command line draws the same file. */
  snprintf(command, sizeof command,
           "\"%s\" generate -q -m \"%s\" -p \"%s\" -W 32 -H 16 -s 5 --sampling-method euler --sigmas 1,0.5,0 --dtype "
           "f32 -o \"%s\"",
           argv[3], argv[1], request.prompt, cli_output);
  EXPECT(system(command) == 0);
  EXPECT(same_files(output, cli_output));

  check_jobs(engine, first.pixels, first.bytes);
  check_files(output);
  check_prompts(engine);
  check_evaluation(engine, output);

  int calls = 0;
  newbie_callbacks_init(&c, sizeof c);
  c.user = &calls;
  c.on_stage = call_from_callback;
  EXPECT(newbie_generate(engine, &request, &c, NULL) == NEWBIE_OK && calls > 4);
  signal(SIGUSR1, stop_on_signal);
  newbie_callbacks_init(&c, sizeof c);
  c.on_step = raise_at_second;
  EXPECT_REFUSED(newbie_generate(engine, &request, &c, &error), NEWBIE_CANCELLED, "stop");

  /* An engine with less memory than a picture takes; both live side by side. */
  newbie_engine* small = NULL;
  options.precision = NEWBIE_PRECISION_AUTO;
  options.dtype = "bf16";
  EXPECT(newbie_open(&options, &small, NULL) == NEWBIE_OK);
  EXPECT(newbie_engine_describe(small, &json, NULL) == NEWBIE_OK && strstr(json, "\"dtype\":\"bf16\"") != NULL);
  newbie_text_free(json);
  newbie_close(small);
  options.memory_bytes = 1 << 20;
  EXPECT(newbie_open(&options, &small, NULL) == NEWBIE_OK);
  EXPECT_REFUSED(newbie_generate(small, &request, NULL, &error), NEWBIE_OVER_BUDGET, "needs");
  EXPECT_REFUSED(newbie_make_plan(small, &request, &plan, &error), NEWBIE_OVER_BUDGET, "needs");
  newbie_close(small);
  options.threads = -1;
  EXPECT_REFUSED(newbie_open(&options, &small, &error), NEWBIE_INVALID_REQUEST, "threads");
  EXPECT(small == NULL);

  free(first.pixels);
  free(second.pixels);
  newbie_close(engine);
  newbie_close(NULL);
  newbie_error_free(NULL);
  newbie_stop(NULL);
  EXPECT(newbie_error_message(NULL)[0] == 0 && newbie_error_hint(NULL)[0] == 0);
  return failures == 0 ? 0 : 1;
}
