// A graph of one input and one output with its weights loaded, run again and again.
#pragma once

#include "core/allocator.h"
#include "generate/network.h"

namespace newbie {

class SingleInputNetwork {
 public:
  // Everything given must outlive this. Loads the weights.
  SingleInputNetwork(Runtime& runtime, Network& network, const Graph& graph);

  size_t outputs() const { return output_.shape.elements(); }
  // `input` as the graph's input wants it; out.size() is outputs().
  void run(const std::byte* input, std::span<float> out, StopToken stop) const;

 private:
  Network& network_;
  Program program_;
  Buffer arena_;
  std::string input_name_, output_name_;
  TensorSpec input_, output_;
};

}  // namespace newbie
