#include "unit/overflow/hard_model.h"

#include <cmath>
#include <list>

#include "core/float_formats.h"
#include "support/golden.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {

namespace fs = std::filesystem;

void scale(std::span<float> values, int log2) {
  for (float& v : values) v = std::ldexp(v, log2);
}

namespace {

void write_changed(const fs::path& from, const fs::path& to, const HardModel::Change& change) {
  fs::copy(from, to);
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    if (entry.path().extension() != ".safetensors") continue;
    const SafetensorsFile file(entry.path());
    std::list<std::vector<float>> changed;
    std::vector<NamedTensor> tensors;
    for (const SafetensorsEntry& e : file.entries()) {
      const TensorSpec spec = file.spec(e);
      std::vector<float> values(spec.shape.elements());
      convert(spec.dtype, file.bytes(e).data(), DType::F32, reinterpret_cast<std::byte*>(values.data()), values.size());
      const size_t row = spec.shape.rank() < 2 ? 1 : static_cast<size_t>(spec.shape.last());
      if (!change(e.name, values, row)) {
        tensors.push_back({e.name, {spec, file.bytes(e).data()}});
        continue;
      }
      changed.push_back(std::move(values));
      tensors.push_back(
          {e.name, {{spec.shape, DType::F32}, reinterpret_cast<const std::byte*>(changed.back().data())}});
    }
    write_safetensors(to / entry.path().filename(), tensors, file.metadata());
  }
}

}  // namespace

HardModel::HardModel(const std::string& part, const Change& change)
    : HardModel(std::map<std::string, Change>{{part, change}}) {}

HardModel::HardModel(const std::map<std::string, Change>& changes) {
  for (const auto& [part, change] : changes) {
    write_changed(avatar_path() / part, folder_ / part, change);
    parts_.push_back(part);
  }
}

ModelPaths HardModel::paths() const {
  ModelPaths out{.folder = avatar_path()};
  for (const std::string& part : parts_) {
    fs::path& path = part == "transformer"    ? out.transformer
                     : part == "text_encoder" ? out.text_encoder
                     : part == "clip_model"   ? out.clip_model
                                              : out.vae;
    path = folder_ / part;
  }
  return out;
}

HardModel large_product(const std::string& layer, int log2) {
  return {"transformer", [=](const std::string& name, std::span<float> values, size_t) {
            const bool up = name == layer + ".feed_forward.w3.weight", down = name == layer + ".feed_forward.w2.weight";
            if (up || down) scale(values, up ? log2 : -log2);
            return up || down;
          }};
}

HardModel large_values(const std::string& layer, int log2) {
  return {"transformer", [=](const std::string& name, std::span<float> values, size_t row) {
            constexpr size_t kQueriesAndKeys = (6 + 2) * 48;  // heads and key heads of 48: v's rows follow
            if (name == layer + ".attention.qkv.weight") {
              scale(values.subspan(kQueriesAndKeys * row), log2);
              return true;
            }
            if (name != layer + ".attention.out.weight") return false;
            scale(values, -log2);
            return true;
          }};
}

HardModel large_stream(int log2) {
  return {"text_encoder", [=](const std::string& name, std::span<float> values, size_t) {
            if (name.ends_with("embed_tokens.weight")) {
              scale(values, log2);
              return true;
            }
            if (name.find("post_attention_layernorm") == std::string::npos &&
                name.find("post_feedforward_layernorm") == std::string::npos)
              return false;
            for (float& w : values) w = static_cast<float>(std::ldexp(1.0 + static_cast<double>(w), log2) - 1.0);
            return true;
          }};
}

GenerateRequest small_request() {
  GenerateRequest r;
  r.prompt = "1girl, purple_hair, smile";
  r.width = r.height = 64;
  r.sampler = "euler";
  r.steps = 2;
  r.seed = 3;
  return r;
}

}  // namespace newbie::test
