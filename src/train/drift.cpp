#include "train/drift.h"

#include <cmath>
#include <cstring>
#include <span>

#include "core/error.h"
#include "train/checkpoint.h"
#include "weights/formats/safetensors.h"

namespace newbie {

namespace {

double at(std::span<const std::byte> bytes, size_t i) {
  float x = 0;
  std::memcpy(&x, bytes.data() + i * sizeof(float), sizeof(float));
  return static_cast<double>(x);
}

}  // namespace

double parameter_drift(const std::filesystem::path& a, const std::filesystem::path& b,
                       const std::filesystem::path& start) {
  const SafetensorsFile of_a(a / kParametersFile), of_b(b / kParametersFile), of_start(start / kParametersFile);
  double apart = 0, moved = 0;
  for (const SafetensorsEntry& entry : of_b.entries()) {
    const SafetensorsEntry *in_a = of_a.find(entry.name), *in_start = of_start.find(entry.name);
    const TensorSpec spec = of_b.spec(entry);
    if (in_a == nullptr || in_start == nullptr || !(of_a.spec(*in_a) == spec) || !(of_start.spec(*in_start) == spec) ||
        spec.dtype != DType::F32)
      fail(ErrorKind::BadFile, "{} and {} are not of the same parameters", a.string(), b.string());
    const auto x = of_a.bytes(*in_a), y = of_b.bytes(entry), z = of_start.bytes(*in_start);
    for (size_t i = 0; i < spec.shape.elements(); ++i) {
      apart += (at(x, i) - at(y, i)) * (at(x, i) - at(y, i));
      moved += (at(y, i) - at(z, i)) * (at(y, i) - at(z, i));
    }
  }
  for (const SafetensorsFile* file : {&of_a, &of_b, &of_start}) file->check_intact();
  return std::sqrt(apart / moved);
}

}  // namespace newbie
