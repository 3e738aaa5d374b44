#include "train/samples.h"

#include <fmt/format.h>

#include <system_error>

#include "core/error.h"
#include "core/files.h"
#include "generate/metadata.h"
#include "generate/text_to_image.h"
#include "image/picture_format.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

void draw(TextToImage& engine, const GenerateRequest& request, const fs::path& path, StopToken stop) {
  RunObserver nobody;
  engine.generate(request, nobody, stop, [&](const GeneratedImage& picture) {
    const TextChunk texts[] = {{"parameters", picture.parameters}, {kRequestKey, picture.request_json}};
    write_file_atomically(path, encode_picture(PictureFormat::Png, picture.image, texts, 100));
  });
}

}  // namespace

fs::path sample_path(const fs::path& output, int64_t step, size_t number) {
  return output / "samples" / fmt::format("{:08}_{}.png", step, number);
}

std::vector<fs::path> draw_samples(const SampleOptions& options, const ModelPaths& model, TrainingKind kind,
                                   const fs::path& trained, const fs::path& output, int64_t step, Log& log,
                                   StopToken stop) {
  std::vector<fs::path> out;
  const auto warn = [&](const std::string& what, const Error& e) {
    if (e.kind() == ErrorKind::Cancelled) throw e;
    log.warn("{}: {}; training goes on", what, e.message());
  };
  try {
    std::error_code error;
    fs::create_directories(output / "samples", error);  // writing tells what is wrong
    ModelPaths paths = model;
    if (kind == TrainingKind::Full && !trained.empty()) paths.transformer = trained;
    TextToImage engine = TextToImage::open(paths, options.engine, log);
    for (size_t i = 0; i < options.requests.size(); ++i) {
      try {
        GenerateRequest request = options.requests[i];
        request.batch = 1;
        if (kind != TrainingKind::Full && !trained.empty()) request.adapters.push_back({.name = trained.string()});
        const fs::path path = sample_path(output, step, i + 1);
        draw(engine, request, path, stop);
        out.push_back(path);
      } catch (const Error& e) {
        warn(fmt::format("sample {} could not be drawn", i + 1), e);
      }
    }
  } catch (const Error& e) {
    warn("no samples could be drawn", e);
  }
  return out;
}

}  // namespace newbie
