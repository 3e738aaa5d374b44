// From a model's graph to a program: the passes, in order.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "backend/program.h"
#include "compile/attach_adapters.h"
#include "compile/band_convolutions.h"
#include "compile/precision.h"

namespace newbie {

struct CompileOptions {
  PrecisionPolicy precision;
  const AttachedAdapters* adapters = nullptr;  // of this part; null: none
  std::string part;  // "transformer", "text_encoder", "clip_model", "vae": the prefix of paths in the policy
  int threads = 1;
  bool fuse = true;            // off: every path of the model can be observed
  Bands bands = Bands::None;   // with `fuse`: convolutions that hold no whole picture on the way
  bool decompose_all = false;  // every fused op by its meaning: the oracle
  bool name_all = false;       // every value has a path (compile/name_values.h)
  std::function<std::optional<DType>(const std::string& weight)> stored_dtype = [](const std::string&) {
    return std::nullopt;
  };
};

// The graph as the backend will run it.
Graph transform(const Graph& graph, const CompileOptions& options);

Program compile(const Graph& graph, const Backend& backend, const CompileOptions& options);

}  // namespace newbie
