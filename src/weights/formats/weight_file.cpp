#include "weights/formats/weight_file.h"

#include "core/printable.h"

namespace newbie {

WeightFile::WeightFile(const std::filesystem::path& path, const Parse& parse)
    : file_(path), header_(parse(file_.bytes(), path.string())) {
  file_.check_intact();
  for (size_t i = 0; i < header_.entries.size(); ++i) by_name_.emplace(header_.entries[i].name, i);
}

const WeightEntry* WeightFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &header_.entries[found->second];
}

TensorSpec WeightFile::spec(const WeightEntry& entry) const {
  if (!entry.dtype && entry.blocks == nullptr)
    fail(ErrorKind::Unsupported, "{}: tensor {}: expected a dtype we can read, got {}", path().string(),
         in_quotes(entry.name), entry.dtype_name);
  if (entry.shape.size() > static_cast<size_t>(Shape::kMaxRank))
    fail(ErrorKind::Unsupported, "{}: tensor {}: expected at most {} axes, got {}", path().string(),
         in_quotes(entry.name), Shape::kMaxRank, entry.shape.size());
  return {Shape(std::span<const int64_t>(entry.shape)), entry.dtype.value_or(DType::BF16)};
}

}  // namespace newbie
