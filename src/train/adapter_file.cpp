#include "train/adapter_file.h"

#include <map>

#include "adapters/write.h"
#include "core/error.h"
#include "core/files.h"
#include "core/float_formats.h"
#include "core/json.h"
#include "weights/narrowing.h"
#include "weights/safetensors_writer.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

const Parameter& parameter(const Parameters& trained, const std::string& name) {
  const Parameter* p = trained.find(name);
  if (p == nullptr) fail(ErrorKind::Internal, "parameter {} is not there", name);
  return *p;
}

// Tensors of our own naming, rounded to `dtype` as they are written.
void write_rounded(const fs::path& path, const std::vector<std::pair<std::string, Parameter>>& tensors, DType dtype,
                   const std::map<std::string, std::string>& metadata = {}) {
  std::vector<StreamedTensor> out;
  for (const auto& [name, p] : tensors)
    out.push_back({name, {p.shape, dtype}, [&name, &values = p.values, dtype](const auto& write) {
                     std::vector<std::byte> bytes(values.size() * size_of(dtype));
                     Narrowing narrowing(name, dtype);
                     narrowing.convert(values, bytes.data());
                     narrowing.finish();
                     write(bytes);
                   }});
  stream_safetensors(path, out, metadata);
}

// The configuration that a transformer of its own names is read with, where the base had it in these words.
std::map<std::string, std::string> configuration(const Transformer& base) {
  const bool native = base.config.is_object() && base.config.contains("axes_dims");
  return native ? std::map<std::string, std::string>{{"config", base.config_text}}
                : std::map<std::string, std::string>();
}

Parameter scaled(Parameter p, double by) {
  for (float& v : p.values) v = static_cast<float>(static_cast<double>(v) * by);
  return p;
}

fs::path write_lora(const fs::path& path, std::span<const AdaptedModule> modules, const Parameters& trained,
                    const Transformer& base, DType dtype) {
  std::vector<AdapterChange> changes;
  AdapterBase shapes{.q_rows = base.sizes.heads * base.sizes.head_size,
                     .kv_rows = base.sizes.kv_heads * base.sizes.head_size};
  for (const AdaptedModule& m : modules) {
    const Parameter &a = parameter(trained, m.name + ".lora_A.weight"),
                    &b = parameter(trained, m.name + ".lora_B.weight");
    const Shape shape{m.rows, m.columns};
    shapes.transformer[m.name + ".weight"] = shape;
    changes.push_back(low_rank_change(AdapterPart::Transformer, m.name + ".weight", shape,
                                      viewed_tensor(a.shape, a.values), viewed_tensor(b.shape, b.values),
                                      m.scale * static_cast<double>(m.rank)));
  }
  write_adapter(path, changes, shapes, {.form = AdapterForm::ComfyUi, .dtype = dtype});
  return path;
}

fs::path write_dora(const fs::path& folder, std::span<const AdaptedModule> modules, const Parameters& trained,
                    DType dtype) {
  std::vector<std::pair<std::string, Parameter>> tensors;
  Json ranks = Json::object(), alphas = Json::object(), targets = Json::array();
  for (const AdaptedModule& m : modules) {
    for (const char* part : {".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"})
      tensors.emplace_back("base_model.model." + m.name + part, parameter(trained, m.name + part));
    targets.push_back(m.name);
    ranks[m.name] = m.rank;
    alphas[m.name] = m.scale * static_cast<double>(m.rank);
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorKind::BadFile, "{}: {}", folder.string(), error.message());
  write_rounded(folder / "adapter_model.safetensors", tensors, dtype);
  const AdaptedModule& first = modules.front();
  const Json config{{"peft_type", "LORA"},
                    {"use_dora", true},
                    {"r", first.rank},
                    {"lora_alpha", first.scale * static_cast<double>(first.rank)},
                    {"rank_pattern", ranks},
                    {"alpha_pattern", alphas},
                    {"target_modules", targets},
                    {"lora_dropout", 0.0},
                    {"bias", "none"}};
  write_file_atomically(folder / "adapter_config.json", config.dump(2) + "\n");
  return folder / "adapter_model.safetensors";
}

}  // namespace

fs::path trained_file(const fs::path& folder, const std::string& name, TrainingKind kind) {
  return kind == TrainingKind::Dora ? folder / name / "adapter_model.safetensors" : folder / (name + ".safetensors");
}

fs::path write_trained(const fs::path& folder, const std::string& name, TrainingKind kind,
                       std::span<const AdaptedModule> modules, const Parameters& trained, const Transformer& base,
                       DType dtype) {
  const fs::path path = trained_file(folder, name, kind);
  if (kind == TrainingKind::Lora) return write_lora(path, modules, trained, base, dtype);
  if (kind == TrainingKind::Dora) return write_dora(folder / name, modules, trained, dtype);
  std::vector<std::pair<std::string, Parameter>> tensors;
  if (kind == TrainingKind::Full)
    for (const Parameter& p : trained.all()) tensors.emplace_back(p.name, p);
  for (const AdaptedModule& m : modules) {
    const std::string prefix = "diffusion_model." + m.name;
    tensors.emplace_back(prefix + ".lokr_w1", scaled(parameter(trained, m.name + ".lokr_w1"), m.scale));
    for (const char* part : {".lokr_w2", ".lokr_w2_a", ".lokr_w2_b"})
      if (const Parameter* p = trained.find(m.name + part)) tensors.emplace_back(prefix + part, *p);
  }
  write_rounded(path, tensors, dtype,
                kind == TrainingKind::Full ? configuration(base) : std::map<std::string, std::string>());
  return path;
}

}  // namespace newbie
