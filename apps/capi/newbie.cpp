// The C interface over TextToImage: structs checked and copied, exceptions turned into statuses.
#include "newbie.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <type_traits>

#include "core/files.h"
#include "generate/find_model.h"
#include "generate/metadata.h"
#include "generate/plan_json.h"
#include "generate/request_json.h"
#include "generate/text_to_image.h"
#include "image/picture_format.h"
#include "image/png.h"

struct newbie_error {
  std::string message, hint, field;
};

namespace newbie {
namespace {

newbie_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidRequest: return NEWBIE_INVALID_REQUEST;
    case ErrorKind::BadFile: return NEWBIE_BAD_FILE;
    case ErrorKind::Unsupported: return NEWBIE_UNSUPPORTED;
    case ErrorKind::OverBudget: return NEWBIE_OVER_BUDGET;
    case ErrorKind::Cancelled: return NEWBIE_CANCELLED;
    case ErrorKind::Internal: return NEWBIE_INTERNAL;
  }
  return NEWBIE_INTERNAL;
}

// Without memory for its words an error is a status alone.
newbie_status report(newbie_status status, const char* message, const char* hint, newbie_error** error,
                     const char* field = "") noexcept {
  if (error == nullptr) return status;
  try {
    *error = new newbie_error{message, hint, field};
  } catch (...) {
    *error = nullptr;
  }
  return status;
}

// Nothing thrown by `work` gets past here.
template <typename Work>
newbie_status guarded(newbie_error** error, Work work) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    work();
    return NEWBIE_OK;
  } catch (const Error& e) {
    return report(status_of(e.kind()), e.message().c_str(), e.hint().c_str(), error, e.field().c_str());
  } catch (const std::bad_alloc&) {
    return report(NEWBIE_OVER_BUDGET, "out of memory", "", error);
  } catch (const std::exception& e) {
    return report(NEWBIE_INTERNAL, e.what(), "", error);
  } catch (...) {
    return report(NEWBIE_INTERNAL, "an unknown exception", "", error);
  }
}

// Writes `defaults` into a caller's struct, as much of it as the caller knows.
template <typename T>
void fill(T* target, size_t struct_size, T defaults) {
  if (target == nullptr || struct_size < sizeof(size_t)) return;
  std::memset(target, 0, struct_size);
  defaults.struct_size = struct_size;
  std::memcpy(target, &defaults, std::min(struct_size, sizeof(T)));
}

// The size a struct had when it was first published; fields after that are new.
template <typename T>
constexpr size_t kFirstVersion = sizeof(T);
template <>
constexpr size_t kFirstVersion<newbie_plan> = offsetof(newbie_plan, total_stage_count);

// A caller's struct as this library knows it. A caller with a newer header may have more fields, all 0; a field added
// later will mean with 0 what the library did before.
template <typename T>
T read(const T* source, const char* what) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (source == nullptr) fail(ErrorKind::InvalidRequest, "{} is NULL", what);
  constexpr size_t kAbsurd = size_t{1} << 16;
  const size_t size = source->struct_size;
  if (size < kFirstVersion<T> || size > kAbsurd)
    fail_with_hint(ErrorKind::InvalidRequest, "fill the struct with its init function",
                   "{}: expected a struct_size of at least {}, got {}", what, kFirstVersion<T>, size);
  const auto* bytes = reinterpret_cast<const unsigned char*>(source);
  if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size, [](unsigned char b) { return b != 0; }))
    fail(ErrorKind::Unsupported, "{}: a field is set that this version of the library does not know", what);
  T out{};
  std::memcpy(&out, source, std::min(size, sizeof(T)));
  return out;
}

std::string text(const char* given) { return given == nullptr ? std::string() : std::string(given); }

class MessageLog : public Log {
 public:
  explicit MessageLog(const newbie_options& options) : on_message_(options.on_message), user_(options.user) {}
  void write(LogLevel level, std::string_view words) override {
    if (on_message_ != nullptr) on_message_(user_, level == LogLevel::Warning, std::string(words).c_str());
  }

 private:
  decltype(newbie_options::on_message) on_message_;
  void* user_;
};

PrecisionRequest precision_of(int32_t given) {
  switch (given) {
    case NEWBIE_PRECISION_AUTO: return PrecisionRequest::Auto;
    case NEWBIE_PRECISION_F32: return PrecisionRequest::F32;
    case NEWBIE_PRECISION_BF16: return PrecisionRequest::BF16;
  }
  fail(ErrorKind::InvalidRequest, "precision: expected 0, 1 or 2, got {}", given);
}

GenerateRequest request_of(const newbie_request* given) {
  const newbie_request r = read(given, "request");
  GenerateRequest out;
  if (r.prompt == nullptr) fail(ErrorKind::InvalidRequest, "request: there is no prompt");
  out.prompt = r.prompt;
  out.negative_prompt = text(r.negative_prompt);
  if (r.system_prompt != nullptr) out.system_prompt = r.system_prompt;
  out.width = r.width;
  out.height = r.height;
  out.seed = r.seed;
  out.batch = r.batch;
  out.steps = r.steps;
  if (r.sampler != nullptr) out.sampler = r.sampler;
  out.schedule = text(r.schedule);
  if (r.sigma_count != 0) {
    if (r.sigmas == nullptr)
      fail(ErrorKind::InvalidRequest, "request: sigma_count is {}, sigmas is NULL", r.sigma_count);
    out.sigmas.assign(r.sigmas, r.sigmas + r.sigma_count);
  }
  out.shift = r.shift;
  out.eta = r.eta;
  out.cfg = r.cfg;
  out.cfg_trunc = r.cfg_trunc;
  out.renorm_cfg = r.renorm_cfg;
  out.rescale_cfg = r.rescale_cfg;
  return out;
}

// Text that is no JSON is the caller's mistake, and no file's.
OrderedJson parse_request(const char* given) {
  try {
    return parse_ordered_json(given, "request");
  } catch (const Error& e) {
    throw Error(ErrorKind::InvalidRequest, e.message(), e.hint());
  }
}

// A request in JSON; its pictures are files, whose names stay in `names` by field.
struct JsonRequest {
  GenerateRequest request;
  std::map<std::string_view, std::string> names;
};
JsonRequest request_of_json(const char* given) {
  if (given == nullptr) fail(ErrorKind::InvalidRequest, "request is NULL");
  JsonRequest out;
  const OrderedJson json = parse_request(given);
  out.request = request_from_json(json, {}, [&](const RequestField& field, const std::string& name) {
    out.names[field.name] = name;
    return read_picture(name).image;
  });
  if (!json.contains("prompt")) fail(ErrorKind::InvalidRequest, "request: there is no prompt");
  return out;
}

// For the caller, who frees it.
char* new_text(const OrderedJson& json) {
  const std::string words = json.dump();
  auto* out = static_cast<char*>(std::malloc(words.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, words.c_str(), words.size() + 1);
  return out;
}

// Fills *text by `make`.
template <typename Make>
newbie_status give_text(char** text, newbie_error** error, Make make) noexcept {
  if (text != nullptr) *text = nullptr;
  return guarded(error, [&] {
    if (text == nullptr) fail(ErrorKind::InvalidRequest, "json is NULL");
    *text = new_text(make());
  });
}

}  // namespace
}  // namespace newbie

using namespace newbie;

struct newbie_engine {
  newbie_engine(const newbie_options& o, const ModelPaths& paths, const EngineOptions& options)
      : log(o), engine(TextToImage::open(paths, options, log)) {}

  MessageLog log;
  TextToImage engine;
  std::atomic<bool> busy{false};
  std::atomic<bool> stop{false};
  static_assert(std::atomic<bool>::is_always_lock_free, "newbie_stop is for signal handlers");
};

namespace {

newbie_engine& require_engine(newbie_engine* engine) {
  if (engine == nullptr) fail(ErrorKind::InvalidRequest, "engine is NULL");
  return *engine;
}

// One call at a time: a second one, from another thread or from a callback, is refused and not queued.
class Call {
 public:
  explicit Call(newbie_engine& engine) : engine_(engine) {
    if (engine_.busy.exchange(true)) fail(ErrorKind::InvalidRequest, "the engine is busy with another call");
  }
  ~Call() { engine_.busy = false; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  newbie_engine& engine_;
};

class CallbackProgress : public RunObserver {
 public:
  CallbackProgress(const newbie_callbacks& callbacks, std::atomic<bool>& stop) : call_(callbacks), stop_(stop) {}

  void on_stage(const RunPlace& at) override {
    if (call_.on_stage != nullptr) call_.on_stage(call_.user, std::string(to_string(at.stage)).c_str());
    poll();
  }
  void on_step(const RunPlace& at, double seconds) override {
    const newbie_step step{sizeof(newbie_step), at.picture, at.pictures, at.evaluation, at.evaluations, seconds};
    if (call_.on_step != nullptr) call_.on_step(call_.user, &step);
    poll();
  }

 private:
  void poll() {
    if (call_.should_stop != nullptr && call_.should_stop(call_.user) != 0) stop_ = true;
  }

  const newbie_callbacks& call_;
  std::atomic<bool>& stop_;
};

}  // namespace

const char* newbie_version(void) { return NEWBIE_VERSION; }

const char* newbie_error_message(const newbie_error* error) { return error == nullptr ? "" : error->message.c_str(); }
const char* newbie_error_hint(const newbie_error* error) { return error == nullptr ? "" : error->hint.c_str(); }
const char* newbie_error_field(const newbie_error* error) { return error == nullptr ? "" : error->field.c_str(); }
void newbie_error_free(newbie_error* error) { delete error; }

void newbie_options_init(newbie_options* options, size_t struct_size) { fill(options, struct_size, newbie_options{}); }
void newbie_plan_init(newbie_plan* plan, size_t struct_size) { fill(plan, struct_size, newbie_plan{}); }
void newbie_callbacks_init(newbie_callbacks* callbacks, size_t struct_size) {
  fill(callbacks, struct_size, newbie_callbacks{});
}
void newbie_request_init(newbie_request* request, size_t struct_size) {
  newbie_request defaults{};
  const GenerateRequest d;
  defaults.batch = d.batch;
  defaults.steps = d.steps;
  defaults.shift = d.shift;
  defaults.eta = d.eta;
  defaults.cfg = d.cfg;
  defaults.cfg_trunc = d.cfg_trunc;
  defaults.renorm_cfg = d.renorm_cfg;
  defaults.rescale_cfg = d.rescale_cfg;
  fill(request, struct_size, defaults);
}

newbie_status newbie_open(const newbie_options* options, newbie_engine** engine, newbie_error** error) {
  if (engine != nullptr) *engine = nullptr;
  return guarded(error, [&] {
    if (engine == nullptr) fail(ErrorKind::InvalidRequest, "engine is NULL");
    const newbie_options o = read(options, "options");
    if (o.threads < 0) fail(ErrorKind::InvalidRequest, "threads: expected 0 or more, got {}", o.threads);
    const ModelPaths paths{.folder = text(o.model),
                           .transformer = text(o.transformer),
                           .text_encoder = text(o.text_encoder),
                           .clip_model = text(o.clip_model),
                           .vae = text(o.vae)};
    EngineOptions out;
    out.threads = o.threads;
    out.memory_budget_bytes = o.memory_bytes;
    out.precision = precision_of(o.precision);
    *engine = new newbie_engine(o, find_model(paths), out);
  });
}

void newbie_close(newbie_engine* engine) { delete engine; }

newbie_status newbie_request_fields(char** json, newbie_error** error) {
  return give_text(json, error, [] { return describe_request_fields(); });
}

newbie_status newbie_request_complete(const char* request, char** json, newbie_error** error) {
  return give_text(json, error, [&] {
    const JsonRequest r = request_of_json(request);
    check_request(r.request);
    return request_to_json(r.request, [&](const RequestField& field, const Image&) { return r.names.at(field.name); });
  });
}

newbie_status newbie_request_to_json(const newbie_request* request, char** json, newbie_error** error) {
  return give_text(json, error, [&] { return request_to_json(request_of(request)); });
}

void newbie_text_free(char* text) { std::free(text); }

newbie_status newbie_make_plan_json(newbie_engine* engine, const char* request, char** json, newbie_error** error) {
  return give_text(json, error, [&] {
    newbie_engine& e = require_engine(engine);
    const GenerateRequest r = request_of_json(request).request;
    const Call busy(e);
    return plan_json(e.engine.plan(r));
  });
}

newbie_status newbie_make_plan(newbie_engine* engine, const newbie_request* request, newbie_plan* plan,
                               newbie_error** error) {
  return guarded(error, [&] {
    newbie_engine& e = require_engine(engine);
    newbie_plan out = read(plan, "plan");
    const Call busy(e);
    const MemoryPlan made = e.engine.prepare(request_of(request)).plan();
    out.peak_bytes = made.peak_bytes();
    out.allocated_bytes = made.allocated_peak_bytes();
    out.stage_count = std::min(made.stages.size(), std::size(out.stages));
    out.total_stage_count = made.stages.size();
    for (size_t i = 0; i < out.stage_count; ++i) {
      const StagePlan& stage = made.stages[i];
      newbie_plan_stage& row = out.stages[i] = {};
      stage.name().copy(row.name, sizeof row.name - 1);
      row.weight_bytes = stage.weights_bytes;
      row.arena_bytes = stage.arena_bytes;
      row.buffer_bytes = stage.buffer_bytes;
      row.peak_bytes = stage.peak_bytes();
    }
    std::memcpy(plan, &out, std::min(out.struct_size, sizeof out));
  });
}

namespace {

// `read_request` gives the request.
template <typename Read>
newbie_status draw(newbie_engine* engine, const newbie_callbacks* callbacks, newbie_error** error, Read read_request) {
  return guarded(error, [&] {
    newbie_engine& e = require_engine(engine);
    const GenerateRequest r = read_request();
    const newbie_callbacks call = callbacks == nullptr ? newbie_callbacks{} : read(callbacks, "callbacks");
    const Call busy(e);
    e.stop = false;
    CallbackProgress progress(call, e.stop);
    e.engine.prepare(r).run(progress, StopToken(&e.stop), [&](GeneratedImage image) {
      if (call.on_picture == nullptr) return;
      const newbie_picture picture{.struct_size = sizeof(newbie_picture),
                                   .width = image.image.width,
                                   .height = image.image.height,
                                   .channels = image.image.channels,
                                   .pixels = image.image.pixels.data(),
                                   .pixel_bytes = image.image.pixels.size(),
                                   .seed = image.seed,
                                   .parameters = image.parameters.c_str(),
                                   .request_json = image.request_json.c_str()};
      call.on_picture(call.user, &picture);
    });
  });
}

}  // namespace

newbie_status newbie_generate(newbie_engine* engine, const newbie_request* request, const newbie_callbacks* callbacks,
                              newbie_error** error) {
  return draw(engine, callbacks, error, [&] { return request_of(request); });
}

newbie_status newbie_generate_json(newbie_engine* engine, const char* request, const newbie_callbacks* callbacks,
                                   newbie_error** error) {
  return draw(engine, callbacks, error, [&] { return request_of_json(request).request; });
}

void newbie_stop(newbie_engine* engine) {
  if (engine != nullptr) engine->stop = true;
}

newbie_status newbie_save_png(const newbie_picture* picture, const char* path, newbie_error** error) {
  return guarded(error, [&] {
    const newbie_picture p = read(picture, "picture");
    if (path == nullptr) fail(ErrorKind::InvalidRequest, "path is NULL");
    if (p.pixels == nullptr || p.pixel_bytes != pixel_bytes(p.width, p.height, p.channels))
      fail(ErrorKind::InvalidRequest, "picture: {} bytes of pixels do not make {}x{} with {} channels", p.pixel_bytes,
           p.width, p.height, p.channels);
    const Image image{p.width, p.height, p.channels, {p.pixels, p.pixels + p.pixel_bytes}};
    std::vector<TextChunk> texts;
    if (p.parameters != nullptr) texts.push_back({"parameters", p.parameters});
    if (p.request_json != nullptr) texts.push_back({kRequestKey, p.request_json});
    write_file_atomically(path, encode_png(image, texts));
  });
}
