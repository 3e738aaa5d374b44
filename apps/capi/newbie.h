/* newbie.h: the C interface of newbie.cpp. Open a model once, then plan and draw as often as you like.
 * docs/c_api.md tells more; examples/draw.c is a whole program.
 *
 * - Every call that can fail returns a newbie_status and, where `error` is not NULL and the call failed, a newbie_error
 *   that tells why; free it with newbie_error_free. No C++ exception leaves the library, and nothing is printed.
 * - Structs that may grow begin with their size. Fill them with their newbie_*_init function, then change what you
 *   want: a program built with this header runs with later libraries, and with earlier ones as long as it leaves what
 *   those do not know at 0. Structs given to a callback tell with their size which fields the library filled.
 * - Texts are UTF-8 and end with a zero byte; NULL stands for "not given". Texts and pictures handed to a callback live
 *   until it returns; texts handed out through a char** are yours: newbie_text_free.
 * - One engine takes one call at a time; a second one, from a callback too, is refused. Only what says so may come from
 *   another thread meanwhile: stopping, from a signal handler too. Different engines are independent.
 * - Callbacks run on the thread of the call. They must return: no longjmp, no closing of the engine.
 */
#ifndef NEWBIE_H
#define NEWBIE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEWBIE_API __attribute__((visibility("default")))

typedef enum newbie_status {
  NEWBIE_OK = 0,
  NEWBIE_INVALID_REQUEST = 1, /* the caller asked for something impossible */
  NEWBIE_BAD_FILE = 2,        /* a file is missing, damaged, or cannot be written */
  NEWBIE_UNSUPPORTED = 3,     /* well-formed, but this build or machine cannot do it */
  NEWBIE_OVER_BUDGET = 4,     /* more memory than there is or was allowed */
  NEWBIE_CANCELLED = 5,       /* stopped by the caller */
  NEWBIE_INTERNAL = 6         /* a defect of the library: please report it */
} newbie_status;

typedef struct newbie_engine newbie_engine;
typedef struct newbie_error newbie_error;

NEWBIE_API const char* newbie_version(void);

/* What may be chosen, as JSON: precision presets with their meaning, dtypes, guards, backends, picture formats, system
 * prompts; and this CPU. */
NEWBIE_API newbie_status newbie_describe(char** json, newbie_error** error);
/* What networks can run on here, and why not on the rest, as JSON: the cpu, and Vulkan's devices. Drivers are asked. */
NEWBIE_API newbie_status newbie_devices(char** json, newbie_error** error);
NEWBIE_API void newbie_text_free(char* text); /* NULL is allowed */

/* What went wrong, and what to try ("" when there is no advice). NULL gives "". */
NEWBIE_API const char* newbie_error_message(const newbie_error* error);
NEWBIE_API const char* newbie_error_hint(const newbie_error* error);
/* Which field of the request is to blame, as newbie_request_fields names it; "" when it is no single one. */
NEWBIE_API const char* newbie_error_field(const newbie_error* error);
NEWBIE_API void newbie_error_free(newbie_error* error); /* NULL is allowed */

/* ---- opening ---- */

typedef enum newbie_precision {
  NEWBIE_PRECISION_AUTO = 0,
  NEWBIE_PRECISION_F32 = 1,
  NEWBIE_PRECISION_BF16 = 2
} newbie_precision;

typedef struct newbie_options {
  size_t struct_size;
  const char* model;       /* folder with transformer, text_encoder, clip_model and vae; NULL, and no part: the one that
                              the environment variable NEWBIE_MODEL names, else the one installed with the library */
  const char* transformer; /* single parts, each a file or a folder; they win over `model` */
  const char* text_encoder;
  const char* clip_model;
  const char* vae;
  uint64_t memory_bytes; /* limit for the whole process; 0: what the machine has left */
  int32_t threads;       /* 0: every CPU this process may use */
  int32_t precision;     /* newbie_precision */
  void (*on_message)(void* user, int is_warning, const char* text); /* NULL: messages are dropped */
  void* user;                                                       /* given to on_message */
  /* NULL and 0 are the defaults of `newbie generate`. Words are those that newbie_describe lists. */
  const char* dtype;            /* "f32", "bf16", "f16", "int8", "auto"; instead of `precision` */
  const char* precision_preset; /* "exact", "f16-safe", … */
  const char* precision_policy; /* a file of rules (docs/precision.md) */
  const char* guard;            /* what is done about values that are no numbers */
  const char* backend;
  const char* text_cache; /* folders that keep encoded prompts, and prepared weights */
  const char* weight_cache;
  const char* adapter_folder;   /* where adapters are looked for by name */
  const char* hash_file;        /* keeps hashes of large weight files, which pictures name */
  int32_t lenient;              /* not 0: headers padded with NUL bytes are read */
  const char* device;           /* "cpu", "vulkan", "vulkan:NUMBER", "vulkan:NAME", "auto"; instead of `backend` */
  uint64_t device_memory_bytes; /* limit for a card's memory; 0: what its driver leaves, less a tenth */
} newbie_options;

NEWBIE_API void newbie_options_init(newbie_options* options, size_t struct_size);

/* Reads configurations and tokenizers and maps the weights. `*engine` is NULL after a failure. */
NEWBIE_API newbie_status newbie_open(const newbie_options* options, newbie_engine** engine, newbie_error** error);
NEWBIE_API void newbie_close(newbie_engine* engine); /* NULL is allowed; not while another call runs */

/* What was opened, as JSON: files of the parts, precision with its reasons, threads, the model's own size, what it says
 * it knows. From any thread. */
NEWBIE_API newbie_status newbie_engine_describe(newbie_engine* engine, char** json, newbie_error** error);

/* Memory at this moment, as JSON: allocated_bytes and reserved_bytes of the engine, resident_bytes and
 * peak_resident_bytes of the process. From any thread, and from callbacks. */
NEWBIE_API newbie_status newbie_engine_memory(newbie_engine* engine, char** json, newbie_error** error);

/* ---- a request ---- */

typedef struct newbie_request {
  size_t struct_size;
  const char* prompt;
  const char* negative_prompt;
  const char* system_prompt; /* a known name or a text; NULL: chosen by the prompt */
  int32_t width, height;     /* pixels, multiples of 16; 0: the model's own size */
  uint64_t seed;
  int32_t batch; /* pictures; picture k is drawn from seed + k */
  int32_t steps;
  const char* sampler;  /* NULL: the default */
  const char* schedule; /* NULL: the sampler's own */
  const double* sigmas; /* noise levels by hand instead of a schedule, falling */
  size_t sigma_count;
  double shift, eta;
  double cfg, cfg_trunc, renorm_cfg, rescale_cfg;
} newbie_request;

/* The defaults of `newbie generate`, and no prompt. */
NEWBIE_API void newbie_request_init(newbie_request* request, size_t struct_size);

/* The same as JSON, with everything a request can have: an object such as {"prompt": "1girl", "steps": 20}. What is
 * missing or null has its default; an unknown key, a wrong type or a number out of range is NEWBIE_INVALID_REQUEST and
 * newbie_error_field tells which. "init_image" and "mask" are names of picture files. */

/* A JSON list of all fields: name, kind, default, least, most, words, help. */
NEWBIE_API newbie_status newbie_request_fields(char** json, newbie_error** error);

/* `request` with every field said, once its numbers are checked. */
NEWBIE_API newbie_status newbie_request_complete(const char* request, char** json, newbie_error** error);

/* A struct as that JSON. */
NEWBIE_API newbie_status newbie_request_to_json(const newbie_request* request, char** json, newbie_error** error);

/* ---- planning ---- */

typedef struct newbie_plan_stage {
  char name[24];
  uint64_t weight_bytes, arena_bytes, buffer_bytes, peak_bytes;
} newbie_plan_stage;

typedef struct newbie_plan {
  size_t struct_size;
  uint64_t peak_bytes;      /* of the process */
  uint64_t allocated_bytes; /* of that, allocated for this request */
  size_t stage_count;
  newbie_plan_stage stages[8]; /* the first ones: stage_count of them are filled */
  size_t total_stage_count;    /* of the plan; newbie_make_plan_json tells all */
} newbie_plan;

NEWBIE_API void newbie_plan_init(newbie_plan* plan, size_t struct_size);

/* What the request will cost, before anything is allocated. */
NEWBIE_API newbie_status newbie_make_plan(newbie_engine* engine, const newbie_request* request, newbie_plan* plan,
                                          newbie_error** error);

/* The plan of a request in JSON, as JSON: peak_bytes, allocated_peak_bytes, stages, choices and what streams. */
NEWBIE_API newbie_status newbie_make_plan_json(newbie_engine* engine, const char* request, char** json,
                                               newbie_error** error);

/* ---- drawing ---- */

typedef struct newbie_picture {
  size_t struct_size;
  int32_t width, height, channels; /* 8 bits, rows from the top, channels interleaved */
  const uint8_t* pixels;
  size_t pixel_bytes;
  uint64_t seed;
  const char* parameters;   /* how it was made, as A1111 writes it */
  const char* request_json; /* everything needed to draw it again */
  int32_t index;            /* in the batch, from 0 */
} newbie_picture;

typedef struct newbie_step {
  size_t struct_size;
  int32_t picture, pictures;       /* which of the batch, from 0 */
  int32_t evaluation, evaluations; /* of the denoiser, done and in all, of this picture; with guidance each is two
                                      passes of the transformer */
  double seconds;                  /* of the last evaluation */
} newbie_step;

/* What the picture is going to be, when the request has "preview_every". */
typedef struct newbie_preview {
  size_t struct_size;
  int32_t picture, pictures;
  int32_t step, steps;             /* done and in all, of this walk */
  int32_t width, height, channels; /* as newbie_picture has them */
  const uint8_t* pixels;
  size_t pixel_bytes;
} newbie_preview;

/* The latent after a step: [channels, height, width], normalised. */
typedef struct newbie_latent {
  size_t struct_size;
  int32_t picture, pictures;
  int32_t pass; /* 0: the first walk, 1: the hires pass */
  int32_t step; /* from 0 */
  int32_t channels, height, width;
  const float* values;
  size_t value_count;
} newbie_latent;

/* Any may be NULL. They are called on the thread that draws. */
typedef struct newbie_callbacks {
  size_t struct_size;
  void* user;
  void (*on_stage)(void* user, const char* name);
  void (*on_step)(void* user, const newbie_step* step);
  void (*on_picture)(void* user, const newbie_picture* picture);
  int (*should_stop)(void* user); /* asked at every stage and evaluation; not 0 stops the request */
  void (*on_preview)(void* user, const newbie_preview* preview);
  void (*on_latent)(void* user, const newbie_latent* latent);
} newbie_callbacks;

NEWBIE_API void newbie_callbacks_init(newbie_callbacks* callbacks, size_t struct_size);

/* Draws the pictures and gives each to on_picture as it is finished. A failed request leaves the engine as good as new.
 */
NEWBIE_API newbie_status newbie_generate(newbie_engine* engine, const newbie_request* request,
                                         const newbie_callbacks* callbacks, newbie_error** error);

/* The same for a request in JSON. */
NEWBIE_API newbie_status newbie_generate_json(newbie_engine* engine, const char* request,
                                              const newbie_callbacks* callbacks, newbie_error** error);

/* Stops the newbie_generate or newbie_generate_json that runs now, within one operation of the network: it returns
 * NEWBIE_CANCELLED. Before the first callback of a request nothing runs yet, and the call is without effect;
 * should_stop has no such gap, nor have jobs. */
NEWBIE_API void newbie_stop(newbie_engine* engine);

/* ---- jobs: a request prepared once, to look at and to draw ---- */

typedef struct newbie_job newbie_job;

/* A picture for a field of the request that lies in memory, and not in a file that the JSON names. Read during the call
 * alone. */
typedef struct newbie_input {
  size_t struct_size;
  const char* field; /* "init_image" or "mask" */
  const void* data;  /* a whole PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF; or pixels, where `width` is not 0 */
  size_t data_bytes;
  int32_t width, height, channels; /* of pixels: 8 bits, rows from the top; 1 grey, 3 RGB, 4 RGBA */
} newbie_input;

NEWBIE_API void newbie_input_init(newbie_input* input, size_t struct_size);

/* Checks a request in JSON, tokenises and plans it. `inputs`: `input_count` pointers. The job keeps what it needs of
 * the engine, which may be closed before it. */
NEWBIE_API newbie_status newbie_prepare(newbie_engine* engine, const char* request, const newbie_input* const* inputs,
                                        size_t input_count, newbie_job** job, newbie_error** error);
NEWBIE_API void newbie_job_free(newbie_job* job); /* NULL is allowed; not while it runs */

/* As JSON: the request with every field said (pictures by their hash), width and height, the seed of each picture, the
 * passes with their sizes and noise levels, and notes: sentences about what will not do what it seems to ask for. */
NEWBIE_API newbie_status newbie_job_describe(newbie_job* job, char** json, newbie_error** error);

/* What newbie_make_plan_json tells. */
NEWBIE_API newbie_status newbie_job_plan(newbie_job* job, char** json, newbie_error** error);

/* Draws, as newbie_generate does; may be called again. `*result`, where `result` is not NULL: what it took, as JSON:
 * seconds by stage, evaluations, memory planned and measured, precision, and what the guard did. */
NEWBIE_API newbie_status newbie_job_run(newbie_job* job, const newbie_callbacks* callbacks, char** result,
                                        newbie_error** error);

/* Stops the job for good, whether it runs already or not: newbie_job_run returns NEWBIE_CANCELLED, within one operation
 * of the network. From any thread or signal handler, as long as the job is there. */
NEWBIE_API void newbie_job_stop(newbie_job* job);

/* ---- picture files ---- */

/* Writes a PNG with `parameters` and `request_json` in it: beside its place first, then renamed. */
NEWBIE_API newbie_status newbie_save_png(const newbie_picture* picture, const char* path, newbie_error** error);

/* The same for PNG, JPEG and WebP, by the extension of `path`. `quality` 1 to 100 matters to the last two; 0: 95. */
NEWBIE_API newbie_status newbie_save_picture(const newbie_picture* picture, const char* path, int32_t quality,
                                             newbie_error** error);

/* Such a file in memory; `format` is "png", "jpg" or "webp". Free the bytes with newbie_bytes_free. */
NEWBIE_API newbie_status newbie_encode_picture(const newbie_picture* picture, const char* format, int32_t quality,
                                               uint8_t** data, size_t* data_bytes, newbie_error** error);
NEWBIE_API void newbie_bytes_free(uint8_t* data); /* NULL is allowed */

/* What a picture says about how it was drawn, as JSON: width, height, its texts, and "recalled", null when no text is
 * known: the request's fields as newbie_prepare takes them, options of the engine, notes about what cannot be taken
 * over, hashes of the model and of the pictures it started from. `data` is a picture file, or the JSON of a
 * request or of a workflow of ComfyUI; messages call it `name`, or "picture". */
NEWBIE_API newbie_status newbie_read_metadata(const void* data, size_t data_bytes, const char* name, char** json,
                                              newbie_error** error);

/* ---- prompts ---- */

/* What is wrong with a prompt, and what the encoders read of it, as JSON. `settings`: an object of the request's fields
 * that count here (weights, routing, system_prompt, max_gemma_tokens, max_jina_tokens), or NULL. `engine`: whose
 * tokenizers count; NULL: nothing is counted. From any thread. */
NEWBIE_API newbie_status newbie_prompt_lint(newbie_engine* engine, const char* prompt, const char* settings,
                                            char** json, newbie_error** error);
/* Every token of both encoders. */
NEWBIE_API newbie_status newbie_prompt_tokens(newbie_engine* engine, const char* prompt, const char* settings,
                                              char** json, newbie_error** error);
/* An XML prompt in its canonical form. `escape`, not 0: & < > in texts as entities. */
NEWBIE_API newbie_status newbie_prompt_format(const char* prompt, int32_t escape, char** text, newbie_error** error);
/* A list of Danbooru tags as an XML prompt. */
NEWBIE_API newbie_status newbie_prompt_from_tags(const char* tags, char** text, newbie_error** error);

/* ---- evaluation ---- */

/* Numbers about folders of pictures, as JSON. `asked` is an object: "metric" ("fid", "kid", "clip-score", "psnr",
 * "ssim"), "a" and "b" (folders; for psnr and ssim pictures, too; clip-score may go without b), and where wanted
 * "inception", "inception_input", "captions", "caption_key", "resamples", "splits", "subsets", "subset_size", "seed",
 * "border": docs/evaluate.md. `engine`: whose Jina CLIP it is and whose newbie_stop ends it; warnings are its messages.
 */
NEWBIE_API newbie_status newbie_evaluate(newbie_engine* engine, const char* asked, char** json, newbie_error** error);

#ifdef __cplusplus
}
#endif

#endif
