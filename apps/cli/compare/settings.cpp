#include "compare/settings.h"

#include <algorithm>

#include "compile/devices.h"
#include "generate/request_fields.h"

namespace newbie {

namespace {

// What is not as it is by default, so that a comparison goes on when requests have learned another field.
OrderedJson picture_json(const GenerateRequest& r) {
  OrderedJson out{{"prompt", r.prompt}};
  for (const RequestField& field : request_fields())
    if (!is_default(field, r)) out[std::string(field.name)] = field.get(r);
  return out;
}

}  // namespace

GenerateRequest CompareSettings::request(const CompareRow& row, size_t index) const {
  GenerateRequest out = pictures[index];
  if (row.variant != RowVariant::Seeds) return out;
  // Beyond every seed of the others.
  uint64_t largest = 0;
  for (const GenerateRequest& r : pictures) largest = std::max(largest, r.seed);
  out.seed = largest + 1 + index;
  return out;
}

std::vector<GenerateRequest> with_seeds(const std::vector<GenerateRequest>& listed, uint64_t first_seed, int seeds) {
  const bool alike = std::ranges::all_of(listed, [&](const GenerateRequest& r) { return r.seed == first_seed; });
  std::vector<GenerateRequest> out;
  for (int k = 0; k < seeds; ++k)
    for (size_t i = 0; i < listed.size(); ++i) {
      out.push_back(listed[i]);
      const auto round = static_cast<uint64_t>(k);
      out.back().seed += alike ? round * listed.size() + i : round;
    }
  return out;
}

OrderedJson settings_json(const CompareSettings& s, const TextToImage::Fingerprints& model, int threads) {
  OrderedJson out{{"format", "newbie comparison 2"}};
  out["model"] = {{"transformer", model.transformer},
                  {"text_encoder", model.text_encoder},
                  {"clip_model", model.clip_model},
                  {"vae", model.vae}};
  out["device"] = this_cpu().name;
  out["threads"] = threads;
  out["observed"] = s.observed;
  out["pictures"] = OrderedJson::array();
  for (const GenerateRequest& r : s.pictures) out["pictures"].push_back(picture_json(r));
  return out;
}

}  // namespace newbie
