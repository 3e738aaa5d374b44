#include "generate/job_adapters.h"

#include <algorithm>

#include "graph/ops/linear.h"

namespace newbie {

namespace {

bool in_eight_bits(const PrecisionPolicy& precision, const AdapterChange& change) {
  if (change.shape.rank() != 2) return false;
  const std::string path =
      fmt::format("{}.{}", to_string(change.part), change.weight.substr(0, change.weight.rfind('.')));
  return precision.decide(linear_op, std::span(&path, 1)).precision.compute == DType::I8;
}

void refuse_lossy_merge(const JobAdapters& adapters, const PrecisionPolicy& precision, const WeightStore& store,
                        AdapterPart part) {
  const auto lossy = [&](const UsedAdapter& use) {
    return std::ranges::any_of(use.adapter->changes, [&](const AdapterChange& change) {
      return change.part == part && use.strength.of(change) != 0 && in_eight_bits(precision, change);
    });
  };
  if (!std::ranges::any_of(adapters.used, lossy)) return;
  fail_with_hint(ErrorKind::Unsupported,
                 "without --merge-lora nothing is lost: adapters are computed beside the weights",
                 "merged into 8-bit weights, {:.0f} % of the changed numbers would stay as they are",
                 100 * share_lost_in_int8(store, part, adapters.used));
}

}  // namespace

void move_prompt_adapters(GenerateRequest& request) {
  for (std::string* prompt : {&request.prompt, &request.negative_prompt}) {
    PromptAdapters taken = take_prompt_adapters(*prompt);
    if (taken.adapters.empty()) continue;
    *prompt = std::move(taken.prompt);
    request.adapters.insert(request.adapters.end(), taken.adapters.begin(), taken.adapters.end());
  }
}

JobAdapters job_adapters(AdapterLibrary& library, const PrecisionPolicy& precision, GenerateRequest& request,
                         Log& log) {
  JobAdapters out;
  if (request.adapters.empty()) return out;
  out.used = library.open(request.adapters, log);
  for (size_t i = 0; i < out.used.size(); ++i) request.adapters[i].sha256 = out.used[i].adapter->hash;
  const AdapterMode mode = request.merge_adapters ? AdapterMode::Merged : AdapterMode::RunTime;
  for (const auto& [part, over] : {std::pair(AdapterPart::Transformer, &out.transformer),
                                   std::pair(AdapterPart::TextEncoder, &out.text_encoder)}) {
    if (mode == AdapterMode::Merged) refuse_lossy_merge(out, precision, library.weights(part), part);
    *over = library.lay_over(part, out.used, mode);
  }
  return out;
}

}  // namespace newbie
