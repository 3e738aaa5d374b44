#include "generate/text_to_image.h"

#include "generate/engine.h"
#include "generate/prepare_request.h"
#include "generate/rethrow_as_error.h"

namespace newbie {

TextToImage::TextToImage(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
TextToImage::~TextToImage() = default;
TextToImage::TextToImage(TextToImage&&) noexcept = default;
TextToImage& TextToImage::operator=(TextToImage&&) noexcept = default;

TextToImage TextToImage::open(const ModelPaths& paths, const EngineOptions& options, Log& log) try {
  return TextToImage(std::make_unique<Engine>(locate_model(paths).paths, options, log));
} catch (...) {
  rethrow_as_error();
}

Job TextToImage::prepare(const GenerateRequest& request, const JobOptions& options) {
  return Job(*engine_, request, options);
}

size_t TextToImage::allocated_bytes() const { return engine_->runtime.allocator.in_use_bytes(); }
size_t TextToImage::reserved_bytes() const { return engine_->memory.reserved_bytes(); }
const OpenedModel& TextToImage::model() const { return engine_->model; }
const Resolution& TextToImage::precision() const { return engine_->resolution; }
int TextToImage::threads() const { return engine_->runtime.pool.size(); }
PictureSize TextToImage::final_size(const GenerateRequest& r) const { return newbie::final_size(engine_->model, r); }

const Fingerprints& TextToImage::fingerprints() const try { return engine_->model.fingerprints(); } catch (...) {
  rethrow_as_error();
}

}  // namespace newbie
