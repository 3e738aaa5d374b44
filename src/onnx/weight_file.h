// The weights of ONNX models as one file of raw bytes, which the models say offsets into.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "onnx/model.h"

namespace newbie {

// Every weight begins at a multiple of a page, so that runtimes can map it.
inline constexpr size_t kOnnxWeightAlignment = 4096;

// The layout of such a file: weights one behind the other in the order in which they are first placed.
class OnnxWeightFile {
 public:
  struct Place {
    std::string weight;  // in the WeightSource
    TensorSpec spec;
    size_t offset = 0;
  };
  using Write = std::function<void(std::span<const std::byte>)>;
  // Gives the bytes of one weight in its spec's dtype to `write`, in one or more pieces.
  using Produce = std::function<void(const Place& place, const Write& write)>;

  explicit OnnxWeightFile(std::string name) : name_(std::move(name)) {}

  // Gives the model's weights their places; one that is known in this dtype has the place it had.
  void place(OnnxModel& model);

  const std::string& name() const { return name_; }
  size_t bytes() const { return bytes_; }
  const std::vector<Place>& places() const { return places_; }

  // Writes the file into `folder`, atomically, holding a piece at a time. Error{Internal} when a weight gives another
  // number of bytes than its spec says.
  void write(const std::filesystem::path& folder, const Produce& produce) const;

 private:
  std::string name_;
  size_t bytes_ = 0;
  std::vector<Place> places_;
  std::map<std::pair<std::string, DType>, size_t> offsets_;
};

}  // namespace newbie
