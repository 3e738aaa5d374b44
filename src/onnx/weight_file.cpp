#include "onnx/weight_file.h"

#include <algorithm>
#include <array>

#include "core/checked.h"
#include "core/files.h"

namespace newbie {

void OnnxWeightFile::place(OnnxModel& model) {
  for (OnnxWeight& weight : model.weights) {
    const auto [found, is_new] = offsets_.try_emplace({weight.weight, weight.spec.dtype}, 0);
    if (is_new) {
      found->second = round_up(bytes_, kOnnxWeightAlignment);
      bytes_ = checked_add(found->second, weight.spec.bytes());
      places_.push_back({weight.weight, weight.spec, found->second});
    }
    weight.location = name_;
    weight.offset = found->second;
  }
}

void OnnxWeightFile::write(const std::filesystem::path& folder, const Produce& produce) const {
  static constexpr std::array<std::byte, kOnnxWeightAlignment> kZeros{};
  AtomicFile file(folder / name_);
  size_t at = 0;
  for (const Place& place : places_) {
    file.write(std::span(kZeros).first(place.offset - at));
    size_t given = 0;
    produce(place, [&](std::span<const std::byte> piece) {
      given = checked_add(given, piece.size());
      if (given <= place.spec.bytes()) file.write(piece);
    });
    if (given != place.spec.bytes())
      fail(ErrorKind::Internal, "weight {}: expected {} bytes to write, got {}", place.weight, place.spec.bytes(),
           given);
    at = place.offset + given;
  }
  file.commit();
}

}  // namespace newbie
