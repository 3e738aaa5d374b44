// Reference tensors of tests/golden/data (see the README there), by name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "support/tensors.h"
#include "weights/formats/safetensors.h"

namespace newbie::test {

std::filesystem::path golden_path(const std::string& file);
std::filesystem::path avatar_path();  // the embedded model's folder

class Golden {
 public:
  explicit Golden(const std::string& file);  // "dit_paths.safetensors"

  Tensor operator[](const std::string& name) const;  // widened to f32; Error{Internal} when there is none
  bool has(const std::string& name) const;
  std::vector<std::string> names(const std::string& prefix) const;  // sorted, with the prefix

 private:
  SafetensorsFile file_;
};

Json golden_json(const std::string& file);

// One row of text.json.
struct TextCase {
  std::string name, gemma_text, jina_text;
  std::vector<int32_t> gemma_ids, jina_ids;
  std::string system_prompt() const { return gemma_text.substr(0, gemma_text.size() - jina_text.size()); }
};
std::vector<TextCase> text_cases();
TextCase text_case(const std::string& name);

Tensor ids_tensor(const std::vector<int32_t>& ids);
Tensor channels_last(const Tensor& chw);  // [C, h, w] -> [h, w, C]

double rms(std::span<const float> values);
double relative_rms(std::span<const float> got, std::span<const float> want);  // rms(got − want) / rms(want)
double max_error(std::span<const float> got, std::span<const float> want);     // max|got − want| / max|want|
double psnr(std::span<const uint8_t> a, std::span<const uint8_t> b);           // infinite when equal

}  // namespace newbie::test
