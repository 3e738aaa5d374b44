// Constant: values that are known when a graph is built. As numbers that lie there, or as the rule that makes them: a
// table as long as a picture has tokens takes no memory before it runs, so that a graph of any size can be planned.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace newbie {

class Constant {
 public:
  // Writes values from the `first` on, as many as `out` has. The same at every call, from any thread.
  using Rule = std::function<void(size_t first, std::span<float> out)>;

  explicit Constant(std::vector<float> values) : size_(values.size()), values_(std::move(values)) {}
  Constant(size_t size, Rule rule) : size_(size), rule_(std::make_shared<const Rule>(std::move(rule))) {}

  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(float); }
  // Where the numbers lie; null for a rule.
  const float* data() const { return rule_ ? nullptr : values_.data(); }
  void fill(size_t first, std::span<float> out) const;
  std::vector<float> values() const;  // all of them

  Constant negated() const;
  // Whether it is known to be −other, value by value: a rule is not asked for its values.
  bool is_negated(const Constant& other) const;

 private:
  size_t size_;
  std::vector<float> values_;  // without a rule
  std::shared_ptr<const Rule> rule_;
  bool turned_ = false;  // what the rule makes has the other sign
};

}  // namespace newbie
