// What a comparison is asked to draw.
#pragma once

#include <string>
#include <vector>

#include "arguments.h"
#include "compare/rows.h"
#include "core/json.h"
#include "generate/text_to_image.h"

namespace newbie {

struct CompareSettings {
  std::vector<CompareRow> rows;
  std::vector<GenerateRequest> pictures;  // one picture each; picture i is of prompt i modulo their number
  EngineArguments engine;
  size_t observed = 4;  // of the first pictures every block's values are compared, too

  // The request of picture `index` in a row.
  GenerateRequest request(const CompareRow& row, size_t index) const;
};

// Each listed request with `seeds` seeds: all requests with the first, then all with the second. Seeds count up from
// each request's own; requests that do not say theirs (all have `first_seed`) get different ones, so that no two
// pictures start from the same noise.
std::vector<GenerateRequest> with_seeds(const std::vector<GenerateRequest>& listed, uint64_t first_seed, int seeds);

// Everything that decides the pictures and the times, as CompareStore keeps it. The rows are not in it: others may be
// added later.
OrderedJson settings_json(const CompareSettings& settings, const TextToImage::Fingerprints& model, int threads);

}  // namespace newbie
