// The largest Σ|a||b| of matrix products and convolutions with weights, by a second product of absolute values.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "backend/program.h"
#include "core/allocator.h"
#include "graph/graph.h"

namespace newbie {

class AbsoluteSums {
 public:
  explicit AbsoluteSums(ThreadPool& threads);
  ~AbsoluteSums();

  // Keeps a copy of the absolute weights of this linear or conv2d node, in f32.
  void add(const std::string& part, const Graph& graph, int id, const WeightSource& weights);

  // The largest sum over all results, |bias| included, for this operand in f32. Error{Internal} for a node that was not
  // added.
  double largest(const std::string& part, const Graph& graph, int id, std::span<const float> x);

 private:
  class Weights;
  struct Product;
  ThreadPool& threads_;
  Allocator allocator_;
  std::unique_ptr<Backend> backend_;
  std::map<std::string, std::unique_ptr<Weights>> weights_;   // by part
  std::map<std::string, std::unique_ptr<Product>> products_;  // by part, weight and shapes
};

}  // namespace newbie
