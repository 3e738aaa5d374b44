// The embedded model with weights changed so that its function stays what it was in f32 and leaves float16's range.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "generate/model_layout.h"
#include "generate/request.h"
#include "unit/core/temporary_folder.h"

namespace newbie::test {

class HardModel {
 public:
  // Called for every tensor of the part with its name in the file, its values in f32 and its row length; true when it
  // has changed them: it is then written in f32.
  using Change = std::function<bool(const std::string& name, std::span<float> values, size_t row)>;

  HardModel(const std::string& part, const Change& change);  // "transformer", "text_encoder", "clip_model", "vae"
  explicit HardModel(const std::map<std::string, Change>& changes);  // by part

  ModelPaths paths() const;

 private:
  TemporaryFolder folder_;
  std::vector<std::string> parts_;
};

// What such models are asked to draw.
GenerateRequest small_request();

// values · 2^log2
void scale(std::span<float> values, int log2);

// A feed-forward whose product is 2^log2 as large: w3 times 2^log2, w2 times 2^-log2.
HardModel large_product(const std::string& layer, int log2);

// Attention whose values are 2^log2 as large: the v rows of qkv times 2^log2, out times 2^-log2.
HardModel large_values(const std::string& layer, int log2);

// Gemma's residual stream 2^log2 as large: the table times 2^log2, (1 + w) of the post-norms too.
HardModel large_stream(int log2);

}  // namespace newbie::test
