/* Jobs: described, planned, drawn twice, started from pictures in memory, watched, and stopped before and while they
 * run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

static const char* const kRequest =
    "{\"prompt\": \"1girl, purple_hair, glasses\", \"width\": 32, \"height\": 16, \"seed\": 5, \"sampler\": \"euler\", "
    "\"sigmas\": [1, 0.5, 0]}";

struct watched {
  int previews, latents, pictures, last_index;
  const uint8_t* expected; /* pixels; NULL: any */
  size_t expected_bytes;
  newbie_job* stops; /* at the first latent; NULL: none */
};

static void on_picture(void* user, const newbie_picture* picture) {
  struct watched* w = user;
  ++w->pictures;
  w->last_index = picture->index;
  if (w->expected == NULL) return;
  EXPECT(picture->pixel_bytes == w->expected_bytes && memcmp(picture->pixels, w->expected, w->expected_bytes) == 0);
}
static void on_preview(void* user, const newbie_preview* preview) {
  struct watched* w = user;
  ++w->previews;
  EXPECT(preview->struct_size == sizeof *preview && preview->step == w->previews && preview->steps == 4);
  EXPECT(preview->width == 32 && preview->height == 16 && preview->channels == 3);
  EXPECT(preview->pixel_bytes == 32 * 16 * 3 && preview->pixels != NULL);
}
static void on_latent(void* user, const newbie_latent* latent) {
  struct watched* w = user;
  EXPECT(latent->step == w->latents && latent->pass == 0 && latent->pictures == 1);
  EXPECT(latent->width == 4 && latent->height == 2);
  EXPECT(latent->value_count == (size_t)latent->channels * 8 && latent->values != NULL);
  ++w->latents;
  newbie_job_stop(w->stops);
}

static newbie_callbacks watch(struct watched* w) {
  newbie_callbacks c;
  newbie_callbacks_init(&c, sizeof c);
  c.user = w;
  c.on_picture = on_picture;
  c.on_preview = on_preview;
  c.on_latent = on_latent;
  return c;
}

static newbie_job* prepared(newbie_engine* engine, const char* request, const newbie_input* const* inputs,
                            size_t input_count) {
  newbie_job* job = NULL;
  newbie_error* error = NULL;
  if (newbie_prepare(engine, request, inputs, input_count, &job, &error) != NEWBIE_OK) {
    fprintf(stderr, "prepare: %s\n", newbie_error_message(error));
    newbie_error_free(error);
    ++failures;
  }
  return job;
}

static void check_words(newbie_engine* engine) {
  char* json = NULL;
  newbie_job* job = prepared(engine, kRequest, NULL, 0);
  EXPECT(newbie_job_describe(job, &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"sigmas\":[1.0,0.5,0.0]") != NULL && strstr(json, "\"seeds\":[5]") != NULL);
  EXPECT(strstr(json, "\"width\":32") != NULL);
  newbie_text_free(json);
  char* by_engine = NULL;
  EXPECT(newbie_job_plan(job, &json, NULL) == NEWBIE_OK && strstr(json, "\"peak_bytes\":") != NULL);
  EXPECT(newbie_make_plan_json(engine, kRequest, &by_engine, NULL) == NEWBIE_OK);
  EXPECT(strstr(by_engine, "\"stages\"") != NULL);
  newbie_text_free(by_engine);
  newbie_text_free(json);
  newbie_job_free(job);

  /* What will do nothing is noted. */
  job = prepared(engine, "{\"prompt\": \"1girl\", \"hires_strength\": 0.3}", NULL, 0);
  EXPECT(newbie_job_describe(job, &json, NULL) == NEWBIE_OK && strstr(json, "hires_scale") != NULL);
  newbie_text_free(json);
  newbie_job_free(job);
}

static void check_inputs(newbie_engine* engine) {
  static uint8_t pixels[32 * 16 * 3], mask[32 * 16];
  memset(pixels, 90, sizeof pixels);
  newbie_input start, held;
  newbie_input_init(&start, sizeof start);
  newbie_input_init(&held, sizeof held);
  start.field = "init_image";
  start.data = pixels;
  start.data_bytes = sizeof pixels;
  start.width = 32;
  start.height = 16;
  start.channels = 3;
  held = start;
  held.field = "mask";
  held.data = mask; /* black: everything comes back */
  held.data_bytes = sizeof mask;
  held.channels = 1;
  const newbie_input* both[] = {&start, &held};
  const char* request = "{\"prompt\": \"1girl\", \"steps\": 2, \"strength\": 1}";
  struct watched w = {.expected = pixels, .expected_bytes = sizeof pixels};
  newbie_callbacks c = watch(&w);
  newbie_job* job = prepared(engine, request, both, 2);
  EXPECT(newbie_job_run(job, &c, NULL, NULL) == NEWBIE_OK && w.pictures == 1);
  newbie_job_free(job);

  job = NULL;
  start.field = "prompt";
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "no picture");
  start.field = NULL;
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "NULL");
  start.field = "mask";
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 2, &job, &error), NEWBIE_INVALID_REQUEST, "given twice");
  start.field = "init_image";
  start.data_bytes -= 1;
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "do not make");
  start.width = -1;
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "sides");
  start.width = 0; /* the bytes of a file, which they are not */
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_BAD_FILE, "init_image");
  start.data = NULL;
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "data is NULL");
  EXPECT_REFUSED(newbie_prepare(engine, request, NULL, 1, &job, &error), NEWBIE_INVALID_REQUEST, "inputs");
  start.struct_size = 3;
  EXPECT_REFUSED(newbie_prepare(engine, request, both, 1, &job, &error), NEWBIE_INVALID_REQUEST, "struct_size");
  EXPECT(job == NULL);
}

/* A mask without a picture to start from, or a step too few: as the command line refuses them. */
static void check_refusals(newbie_engine* engine) {
  newbie_job* job = NULL;
  char* json = NULL;
  EXPECT_REFUSED(newbie_prepare(engine, "{\"prompt\": \"a\", \"steps\": 0}", NULL, 0, &job, &error),
                 NEWBIE_INVALID_REQUEST, "steps");
  EXPECT_REFUSED(newbie_prepare(engine, "{}", NULL, 0, &job, &error), NEWBIE_INVALID_REQUEST, "no prompt");
  EXPECT_REFUSED(newbie_prepare(NULL, kRequest, NULL, 0, &job, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");
  EXPECT_REFUSED(newbie_prepare(engine, kRequest, NULL, 0, NULL, &error), NEWBIE_INVALID_REQUEST, "job is NULL");
  EXPECT_REFUSED(newbie_job_run(NULL, NULL, NULL, &error), NEWBIE_INVALID_REQUEST, "job is NULL");
  EXPECT_REFUSED(newbie_job_plan(NULL, &json, &error), NEWBIE_INVALID_REQUEST, "job is NULL");
  EXPECT_REFUSED(newbie_job_describe(NULL, &json, &error), NEWBIE_INVALID_REQUEST, "job is NULL");
  newbie_job_stop(NULL);
  newbie_job_free(NULL);
}

static void check_stopping(newbie_engine* engine) {
  struct watched w = {0};
  newbie_callbacks c = watch(&w);
  newbie_job* job = prepared(engine, kRequest, NULL, 0);
  newbie_job_stop(job);
  EXPECT_REFUSED(newbie_job_run(job, &c, NULL, &error), NEWBIE_CANCELLED, "stop");
  EXPECT(w.latents == 0 && w.pictures == 0);
  newbie_job_free(job);
  job = prepared(engine, kRequest, NULL, 0);
  w.stops = job;
  EXPECT_REFUSED(newbie_job_run(job, &c, NULL, &error), NEWBIE_CANCELLED, "stop");
  EXPECT(w.latents == 1 && w.pictures == 0);
  EXPECT_REFUSED(newbie_job_run(job, &c, NULL, &error), NEWBIE_CANCELLED, "stop"); /* it stays stopped */
  newbie_job_free(job);
}

void check_jobs(newbie_engine* engine, const uint8_t* pixels, size_t bytes) {
  char *result = NULL, *json = NULL;
  struct watched w = {.expected = pixels, .expected_bytes = bytes};
  newbie_callbacks c = watch(&w);
  newbie_job* job = prepared(engine, kRequest, NULL, 0);
  EXPECT(newbie_job_run(job, &c, &result, NULL) == NEWBIE_OK);
  EXPECT(w.latents == 2 && w.previews == 0 && w.pictures == 1 && w.last_index == 0);
  EXPECT(strstr(result, "\"seconds\":{") != NULL && strstr(result, "\"measured_peak_bytes\":") != NULL);
  newbie_text_free(result);
  w.latents = 0;
  EXPECT(newbie_job_run(job, &c, NULL, NULL) == NEWBIE_OK && w.pictures == 2);
  newbie_job_free(job);

  w = (struct watched){.expected = NULL};
  job = prepared(engine,
                 "{\"prompt\": \"1girl\", \"width\": 32, \"height\": 16, \"steps\": 4, \"preview_every\": 1, "
                 "\"sampler\": \"euler\", \"schedule\": \"simple\"}",
                 NULL, 0);
  EXPECT(newbie_job_run(job, &c, NULL, NULL) == NEWBIE_OK);
  EXPECT(w.previews == 3 && w.latents == 4); /* the last one would be the picture */
  newbie_job_free(job);

  EXPECT(newbie_engine_memory(engine, &json, NULL) == NEWBIE_OK && strstr(json, "\"resident_bytes\":") != NULL);
  newbie_text_free(json);
  EXPECT(newbie_engine_describe(engine, &json, NULL) == NEWBIE_OK && strstr(json, "\"dtype\":\"f32\"") != NULL);
  newbie_text_free(json);
  EXPECT(newbie_describe(&json, NULL) == NEWBIE_OK && strstr(json, "\"f16-safe\"") != NULL);
  newbie_text_free(json);
  EXPECT(newbie_devices(&json, NULL) == NEWBIE_OK && strstr(json, "\"vulkan\":[") != NULL);
  newbie_text_free(json);
  check_words(engine);
  check_inputs(engine);
  check_refusals(engine);
  check_stopping(engine);
}
