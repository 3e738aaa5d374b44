// WeightStore: the tensors of one network under their canonical names, read from mapped files or computed when read.
// Filled once while opening; after that any number of threads may read.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/weight_source.h"
#include "weights/file_tensor.h"

namespace newbie {

// A tensor computed from others. `fill` writes elements [first, first + out.size()) in row-major order, so that a
// large tensor is never held twice; it must give the same values for any cut and may be called from several threads.
struct DerivedTensor {
  TensorSpec spec;  // dtype: what it would be stored as
  std::function<void(size_t first, std::span<float> out)> fill;
  std::vector<FileTensor> sources;  // what `fill` reads: kept open, checked after reading, released together
};

class WeightStore : public WeightSource {
 public:
  // Every add throws Error{BadFile} when the name is taken, and Error{Unsupported} for a dtype or rank we cannot read.
  // What is packed in blocks is computed when read, block by block.
  void add(std::string name, const FileTensor& tensor);
  // Presents [rows, columns, 1, 1] as [rows, columns], the same bytes; a matrix stays as it is. Error{BadFile}
  // otherwise.
  void add_as_matrix(std::string name, const FileTensor& tensor);
  void add_derived(std::string name, DerivedTensor tensor);
  // A second name for a tensor that is already here.
  void add_alias(std::string name, std::string_view existing);

  // A tensor as others are made from it, in pieces. Error{BadFile} when there is no such tensor, Error{Unsupported}
  // when it is of no float dtype. Computed from this store's files: it may outlive the store.
  DerivedTensor tensor(std::string_view name) const;

  std::vector<std::string> names() const;  // sorted, aliases among them
  size_t bytes() const { return bytes_; }  // of all tensors in their files; aliases add nothing

  // The `__metadata__` of all files added so far; where they disagree, the file added first is right.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  // Error{BadFile} when a file has shrunk under a view given out by mapped(). read() checks by itself.
  void check_intact() const;

  // Each also knows every tensor times a power of two (core/scaled_weight.h): multiplied in f32, rounded once.
  std::optional<TensorSpec> find(std::string_view name) const override;
  ConstTensorView mapped(std::string_view name) const override;  // Error{BadFile} when there is no such tensor
  void read(std::string_view name, DType dtype, std::byte* destination) const override;
  size_t stored_bytes(std::string_view name) const override;
  void prefetch(std::string_view name) const override;
  void release(std::string_view name) const override;

 private:
  struct Tensor {
    TensorSpec spec;
    const std::byte* data = nullptr;  // nullptr: computed by `fill` (or no elements)
    std::function<void(size_t, std::span<float>)> fill;
    std::vector<FileTensor> sources;  // the file tensor itself, or what `fill` reads
  };

  void insert(std::string name, Tensor tensor);
  static size_t bytes_of(const Tensor& tensor);  // in the files
  struct Named {
    const Tensor& tensor;
    int log2;  // what it is multiplied by
    const std::shared_ptr<const Tensor>& owner;
  };
  Named at(std::string_view name) const;
  static void fill(const Tensor& tensor, int log2, size_t first, std::span<float> out);

  std::map<std::string, std::shared_ptr<const Tensor>, std::less<>> tensors_;
  std::vector<std::shared_ptr<const WeightFile>> files_;
  std::map<std::string, std::string> metadata_;
  size_t bytes_ = 0;
};

}  // namespace newbie
