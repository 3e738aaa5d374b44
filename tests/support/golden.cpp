#include "support/golden.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/files.h"
#include "core/float_formats.h"

namespace newbie::test {

std::filesystem::path golden_path(const std::string& file) {
  return std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/golden/data" / file;
}
std::filesystem::path avatar_path() { return std::filesystem::path(NEWBIE_SOURCE_DIR) / "models/avatar"; }

Golden::Golden(const std::string& file) : file_(golden_path(file)) {}

bool Golden::has(const std::string& name) const { return file_.find(name) != nullptr; }

Tensor Golden::operator[](const std::string& name) const {
  const SafetensorsEntry* entry = file_.find(name);
  if (entry == nullptr) fail(ErrorKind::Internal, "no golden {}", name);
  const TensorSpec spec = file_.spec(*entry);
  Tensor out{spec.shape, std::vector<float>(spec.shape.elements())};
  const auto bytes = file_.bytes(*entry);
  if (spec.dtype == DType::U8) {
    for (size_t i = 0; i < out.values.size(); ++i) out.values[i] = static_cast<float>(bytes[i]);
  } else {
    convert(spec.dtype, bytes.data(), DType::F32, reinterpret_cast<std::byte*>(out.values.data()), out.values.size());
  }
  return out;
}

std::vector<std::string> Golden::names(const std::string& prefix) const {
  std::vector<std::string> out;
  for (const SafetensorsEntry& entry : file_.entries())
    if (entry.name.starts_with(prefix)) out.push_back(entry.name);
  std::sort(out.begin(), out.end());
  return out;
}

Json golden_json(const std::string& file) {
  const auto path = golden_path(file);
  return parse_json(read_file(path, size_t{64} << 20), path.string());
}

std::vector<TextCase> text_cases() {
  std::vector<TextCase> out;
  for (const Json& row : golden_json("text.json"))
    out.push_back({row["name"], row["gemma_text"], row["jina_text"], row["gemma_ids"], row["jina_ids"]});
  return out;
}

TextCase text_case(const std::string& name) {
  for (TextCase& c : text_cases())
    if (c.name == name) return std::move(c);
  fail(ErrorKind::Internal, "no text case {}", name);
}

Tensor ids_tensor(const std::vector<int32_t>& ids) {
  return {{static_cast<int64_t>(ids.size())}, std::vector<float>(ids.begin(), ids.end())};
}

Tensor channels_last(const Tensor& chw) {
  const int64_t c = chw.shape[0], n = chw.shape[1] * chw.shape[2];
  Tensor out{{chw.shape[1], chw.shape[2], c}, std::vector<float>(chw.values.size())};
  for (int64_t k = 0; k < c; ++k)
    for (int64_t i = 0; i < n; ++i)
      out.values[static_cast<size_t>(i * c + k)] = chw.values[static_cast<size_t>(k * n + i)];
  return out;
}

double rms(std::span<const float> values) {
  double sum = 0;
  for (float v : values) sum += static_cast<double>(v) * v;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(1, values.size())));
}

double relative_rms(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  std::vector<float> difference(got.size());
  for (size_t i = 0; i < got.size(); ++i) difference[i] = got[i] - want[i];
  return rms(difference) / rms(want);
}

double max_error(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double error = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(static_cast<double>(got[i]) - want[i]);
    error = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(error, d);
    largest = std::max(largest, static_cast<double>(std::abs(want[i])));
  }
  return error / largest;
}

double psnr(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  if (a.size() != b.size()) return -std::numeric_limits<double>::infinity();
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum == 0 ? std::numeric_limits<double>::infinity()
                  : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / sum);
}

}  // namespace newbie::test
