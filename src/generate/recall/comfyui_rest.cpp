#include "generate/recall/comfyui_rest.h"

#include <algorithm>
#include <deque>

#include "generate/json_text.h"

namespace newbie {

namespace {

constexpr std::string_view kNeutralTypes[] = {"VAEDecode",
                                              "VAEDecodeTiled",
                                              "VAEEncode",
                                              "VAEEncodeTiled",
                                              "VAELoader",
                                              "CheckpointLoader",
                                              "CheckpointLoaderSimple",
                                              "CheckpointLoader|pysssss",
                                              "CheckpointLoaderNF4",
                                              "UNETLoader",
                                              "UnetLoaderGGUF",
                                              "UnetLoaderGGUFAdvanced",
                                              "DiffusionModelLoaderKJ",
                                              "CLIPLoader",
                                              "CLIPLoaderGGUF",
                                              "DualCLIPLoader",
                                              "DualCLIPLoaderGGUF",
                                              "TripleCLIPLoader",
                                              "TripleCLIPLoaderGGUF",
                                              "QuadrupleCLIPLoader",
                                              "NewBieCLIPLoader",
                                              "NewBieUNetLoader",
                                              "NewbieLoad",
                                              "Note",
                                              "MarkdownNote",
                                              "Image Comparer (rgthree)"};

// Inputs, and what a node behind them acts on.
constexpr std::pair<std::string_view, std::string_view> kActsOn[] = {{"model", "the model"},
                                                                     {"clip", "the text encoder"},
                                                                     {"vae", "the autoencoder"},
                                                                     {"samples", "the latent"},
                                                                     {"latent_image", "the latent"},
                                                                     {"images", "the picture"},
                                                                     {"image", "the picture"},
                                                                     {"pixels", "the picture"},
                                                                     {"mask", "the mask"},
                                                                     {"positive", "the positive prompt"},
                                                                     {"negative", "the negative prompt"},
                                                                     {"sigmas", "the noise levels"},
                                                                     {"sampler", "the sampler"},
                                                                     {"noise", "the noise"}};

// Values that change no picture: by themselves, or of one type. And values that say nothing when they are these.
constexpr std::string_view kSilentValues[] = {"control_after_generate", "filename_prefix", "upload",
                                              "preview_method",         "vae_decode",      "inputcount"};
constexpr std::pair<std::string_view, std::string_view> kSilentValuesOf[] = {
    {"ImpactWildcardProcessor", "wildcard_text"},
    {"ImpactWildcardProcessor", "mode"},
    {"ImpactWildcardProcessor", "seed"},
    {"ImpactWildcardProcessor", "Select to add Wildcard"},
    {"ImpactWildcardEncode", "wildcard_text"},
    {"ImpactWildcardEncode", "mode"},
    {"ImpactWildcardEncode", "seed"},
    {"ImpactWildcardEncode", "Select to add Wildcard"},
    {"ImpactWildcardEncode", "Select to add LoRA"},
    {"LoadImage", "image"},
    {"Seed", "seed"},
    {"UNETLoader", "weight_dtype"}};
const std::pair<std::string_view, OrderedJson> kUsualValues[] = {{"s_noise", 1.0},
                                                                 {"crop", "disabled"},
                                                                 {"return_list", false},
                                                                 {"length", 1},
                                                                 {"token_normalization", "none"},
                                                                 {"weight_interpretation", "comfy"},
                                                                 {"parser", "comfy"},
                                                                 {"use_chat_template", false},

                                                                 {"return_with_leftover_noise", "disable"},
                                                                 {"add_noise", "enable"},
                                                                 {"add_noise", true},
                                                                 {"form", "as it is"}};

bool is_silent(const ComfyNode& node, const std::string& key, const OrderedJson& value) {
  const std::pair<std::string_view, std::string_view> of_type(node.type, key);
  return std::ranges::find(kSilentValues, key) != std::end(kSilentValues) ||
         std::ranges::find(kSilentValuesOf, of_type) != std::end(kSilentValuesOf) || value == "" || value.is_null() ||
         std::ranges::any_of(kUsualValues,
                             [&](const auto& usual) { return usual.first == key && usual.second == value; });
}

std::string acts_on(std::string_view input, const ComfyNode& user) {
  for (const auto& [key, words] : kActsOn)
    if (key == input) return std::string(words);
  return fmt::format("`{}` of {}", input, shortened(user.type));
}

void tell_values(ComfyReading& reading, const ComfyNode& node) {
  std::string unread;
  for (const auto& [key, value] : node.values)
    if (!reading.is_read(node, key) && !is_silent(node, key, value))
      unread += fmt::format("{}{} {}", unread.empty() ? "" : ", ", key, shortened(text_of(value)));
  if (!unread.empty())
    reading.said.note(fmt::format("{}: no counterpart of {}", shortened(node.type), shortened(unread, 200)));
}

// What only nodes need that are told is left out with them.
struct LeftOut {
  const ComfyNode* with = nullptr;
  std::vector<std::string> words;  // their types, and their texts
};

class RestTeller {
 public:
  explicit RestTeller(ComfyReading& reading) : reading_(reading) {}

  void run(const ComfyNode& saved) {
    visited_.insert(&saved);
    queue_.push_back({&saved, nullptr});
    for (; !queue_.empty(); queue_.pop_front()) visit(*queue_.front().first, queue_.front().second);
    // Everything that is understood comes first: what it needs is not left out with something else.
    std::swap(queue_, told_);
    for (; !queue_.empty(); queue_.pop_front()) visit(*queue_.front().first, queue_.front().second);
    for (const LeftOut& one : left_out_) {
      std::string all;
      for (const std::string& words : one.words) all += (all.empty() ? "" : ", ") + words;
      reading_.said.note(fmt::format("with {} is left out: {}", shortened(one.with->type), shortened(all, 200)));
    }
  }

 private:
  // `teller`: the told node whose need this one is.
  void visit(const ComfyNode& node, const ComfyNode* teller) {
    if (teller == nullptr && reading_.is_understood(node) && !is_neutral(node)) tell_values(reading_, node);
    for (const auto& [input, link] : node.links) {
      const ComfyNode* to = reading_.graph.behind(node, input);
      if (to == nullptr || visited_.contains(to)) continue;
      const bool is_known = reading_.is_understood(*to) || is_neutral(*to);
      if (!is_known && teller == nullptr && !reading_.is_told(*to))
        reading_.tell(*to, fmt::format("a node {} acts on {}", shortened(to->type), acts_on(input, node)));
      if (is_known) {
        visited_.insert(to);
        queue_.push_back({to, nullptr});
      } else if (reading_.is_told(*to)) {
        visited_.insert(to);
        told_.push_back({to, to});
      } else {
        visited_.insert(to);
        leave_out(*to, teller);
        queue_.push_back({to, teller});
      }
    }
  }

  void leave_out(const ComfyNode& node, const ComfyNode* with) {
    auto entry = std::ranges::find(left_out_, with, &LeftOut::with);
    if (entry == left_out_.end()) entry = left_out_.insert(entry, LeftOut{with, {}});
    const OrderedJson* text = ComfyGraph::value(node, "text");
    std::string words = node.type;
    if (text != nullptr && text->is_string()) words += fmt::format(" ({})", shortened(text->get<std::string>()));
    if (std::ranges::find(entry->words, words) == entry->words.end()) entry->words.push_back(std::move(words));
  }

  ComfyReading& reading_;
  std::set<const ComfyNode*> visited_;
  std::deque<std::pair<const ComfyNode*, const ComfyNode*>> queue_, told_;  // a node, and its teller
  std::vector<LeftOut> left_out_;
};

}  // namespace

bool is_neutral(const ComfyNode& node) {
  return std::ranges::find(kNeutralTypes, node.type) != std::end(kNeutralTypes) ||
         node.type.find("Save") != node.type.npos || node.type.find("Preview") != node.type.npos;
}

void tell_rest(ComfyReading& reading, const ComfyNode& saved) { RestTeller(reading).run(saved); }

}  // namespace newbie
