/* What pictures say, pictures as bytes, and prompts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

void check_files(const char* picture) {
  static uint8_t bytes[1 << 16];
  FILE* file = fopen(picture, "rb");
  const size_t size = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
  if (file != NULL) fclose(file);
  char* json = NULL;
  EXPECT(newbie_read_metadata(bytes, size, picture, &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"source\":\"newbie\"") != NULL && strstr(json, "\"dtype\":\"f32\"") != NULL);
  EXPECT(strstr(json, "\"sigmas\":[1.0,0.5,0.0]") != NULL && strstr(json, "\"seed\":5") != NULL);
  newbie_text_free(json);
  EXPECT_REFUSED(newbie_read_metadata("nonsense", 8, "a.png", &json, &error), NEWBIE_BAD_FILE, "a.png");
  EXPECT_REFUSED(newbie_read_metadata(NULL, 0, NULL, &json, &error), NEWBIE_INVALID_REQUEST, "data is NULL");
  EXPECT(json == NULL);

  static const uint8_t pixels[4 * 2 * 3] = {255, 0, 9};
  newbie_picture made = {.struct_size = sizeof made,
                         .width = 4,
                         .height = 2,
                         .channels = 3,
                         .pixels = pixels,
                         .pixel_bytes = sizeof pixels,
                         .parameters = "words"};
  uint8_t* data = NULL;
  size_t data_bytes = 0;
  const char* const kFormats[] = {"png", "jpg", "webp"};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT(newbie_encode_picture(&made, kFormats[i], 0, &data, &data_bytes, NULL) == NEWBIE_OK && data_bytes > 20);
    EXPECT(newbie_read_metadata(data, data_bytes, NULL, &json, NULL) == NEWBIE_OK);
    EXPECT(strstr(json, "\"width\":4,\"height\":2") != NULL && strstr(json, "words") != NULL);
    newbie_text_free(json);
    newbie_bytes_free(data);
  }
  EXPECT_REFUSED(newbie_encode_picture(&made, "gif", 0, &data, &data_bytes, &error), NEWBIE_UNSUPPORTED, "gif");
  EXPECT_REFUSED(newbie_encode_picture(&made, "jpg", 101, &data, &data_bytes, &error), NEWBIE_INVALID_REQUEST,
                 "quality");
  EXPECT_REFUSED(newbie_encode_picture(&made, NULL, 0, &data, &data_bytes, &error), NEWBIE_INVALID_REQUEST, "format");
  EXPECT_REFUSED(newbie_save_picture(&made, "/nowhere/at/all.jpg", 90, &error), NEWBIE_BAD_FILE, "/nowhere/at/all.jpg");
  EXPECT_REFUSED(newbie_save_picture(&made, NULL, 90, &error), NEWBIE_INVALID_REQUEST, "path is NULL");
  made.pixel_bytes = 5;
  EXPECT_REFUSED(newbie_encode_picture(&made, "png", 0, &data, &data_bytes, &error), NEWBIE_INVALID_REQUEST,
                 "do not make");
  EXPECT(data == NULL && data_bytes == 0);
  newbie_bytes_free(NULL);

  /* A program built when the struct ended with its texts. */
  made.pixel_bytes = sizeof pixels;
  made.struct_size = offsetof(newbie_picture, index);
  made.index = -1;
  EXPECT(newbie_encode_picture(&made, "png", 0, &data, &data_bytes, NULL) == NEWBIE_OK);
  newbie_bytes_free(data);
}

void check_prompts(newbie_engine* engine) {
  char *json = NULL, *text = NULL;
  EXPECT(newbie_prompt_lint(engine, "<character_1>1girl", NULL, &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"errors\":1") != NULL && strstr(json, "\"encoder\":\"Gemma\"") != NULL);
  newbie_text_free(json);
  EXPECT(newbie_prompt_lint(NULL, "1girl", NULL, &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"errors\":0") != NULL && strstr(json, "\"tokens\":null") != NULL);
  newbie_text_free(json);
  EXPECT(newbie_prompt_tokens(engine, "(1girl:1.3)", "{\"weights\": true}", &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"pieces\":[") != NULL && strstr(json, "1.3") == NULL);
  newbie_text_free(json);
  EXPECT_REFUSED(newbie_prompt_tokens(engine, "a", "{\"weight\": true}", &json, &error), NEWBIE_INVALID_REQUEST,
                 "weight");
  EXPECT_REFUSED(newbie_prompt_tokens(NULL, "a", NULL, &json, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");
  EXPECT_REFUSED(newbie_prompt_lint(engine, NULL, NULL, &json, &error), NEWBIE_INVALID_REQUEST, "prompt is NULL");
  EXPECT(newbie_prompt_from_tags("1girl, blue hair", &text, NULL) == NEWBIE_OK);
  EXPECT(newbie_prompt_format(text, 0, &json, NULL) == NEWBIE_OK && strcmp(text, json) == 0);
  newbie_text_free(json);
  newbie_text_free(text);
  EXPECT_REFUSED(newbie_prompt_format(NULL, 0, &text, &error), NEWBIE_INVALID_REQUEST, "prompt is NULL");
  EXPECT_REFUSED(newbie_prompt_from_tags("a", NULL, &error), NEWBIE_INVALID_REQUEST, "text is NULL");
}

void check_evaluation(newbie_engine* engine, const char* picture) {
  char asked[2048], *json = NULL;
  snprintf(asked, sizeof asked, "{\"metric\": \"psnr\", \"a\": \"%s\", \"b\": \"%s\"}", picture, picture);
  EXPECT(newbie_evaluate(engine, asked, &json, NULL) == NEWBIE_OK);
  EXPECT(strstr(json, "\"identical\":1") != NULL && strstr(json, "\"worst\":\"inf\"") != NULL);
  newbie_text_free(json);
  EXPECT_REFUSED(newbie_evaluate(engine, "{\"metric\": \"psnr\"}", &json, &error), NEWBIE_INVALID_REQUEST,
                 "a is needed");
  EXPECT_REFUSED(newbie_evaluate(engine, "{\"metric\": \"mse\"}", &json, &error), NEWBIE_INVALID_REQUEST, "metric");
  EXPECT_REFUSED(newbie_evaluate(NULL, asked, &json, &error), NEWBIE_INVALID_REQUEST, "engine is NULL");
}
