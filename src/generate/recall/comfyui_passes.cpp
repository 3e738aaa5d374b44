#include "generate/recall/comfyui_passes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "generate/json_text.h"
#include "generate/recall/comfyui_between.h"
#include "generate/recall/comfyui_rest.h"

namespace newbie {

namespace {

constexpr std::string_view kSamplerTypes[] = {"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"};
constexpr std::string_view kGuiderTypes[] = {"CFGGuider", "BasicGuider"};
constexpr std::string_view kNoiseTypes[] = {"RandomNoise", "DisableNoise"};

bool is_one_of(std::span<const std::string_view> types, const ComfyNode& node) {
  return std::ranges::find(types, node.type) != types.end();
}

ComfyPass pass_of(const ComfyReading& reading, const ComfyNode& node) {
  const ComfyGraph& graph = reading.graph;
  ComfyPass out{&node, graph.behind(node, "guider"), graph.behind(node, "noise"), graph.behind(node, "sampler"),
                graph.behind(node, "sigmas")};
  if (out.sigmas != nullptr && out.sigmas->type == "SplitSigmas")
    if (const ComfyNode* whole = graph.behind(*out.sigmas, "sigmas"); whole != nullptr)
      out.split = std::exchange(out.sigmas, whole);
  return out;
}

// Reads one pass. What it says of itself is the same for every pass; where it goes, the caller knows.
class PassReader {
 public:
  PassReader(ComfyReading& reading, const ComfyPass& pass) : reading_(reading), pass_(pass) {}

  // Accounts for the nodes it is made of.
  void understand() {
    account(*pass_.node, kSamplerTypes, "draws: it is read as a KSampler");
    if (pass_.guider != nullptr) account(*pass_.guider, kGuiderTypes, "guides: it is read as a CFGGuider");
    if (pass_.noise != nullptr) account(*pass_.noise, kNoiseTypes, "makes the noise: it is read as RandomNoise");
    if (pass_.split != nullptr) reading_.understand(*pass_.split);
  }

  std::optional<OrderedJson> seed() {
    const auto seed = reading_.number(pass_.seeded(), "seed");
    return seed ? seed : reading_.number(pass_.seeded(), "noise_seed");
  }

  std::optional<OrderedJson> cfg() {
    if (pass_.conditioned().type == "BasicGuider") return OrderedJson(1);
    return reading_.number(pass_.conditioned(), "cfg");
  }

  std::string sampler() {
    const ComfyNode& node = pass_.sampler != nullptr ? *pass_.sampler : *pass_.node;
    reading_.understand(node);
    if (std::string name = reading_.word(node, "sampler_name"); !name.empty()) return name;
    if (node.type == "SamplerEulerAncestral") return "euler_ancestral";
    return pass_.sampler != nullptr ? node.type : "";
  }

  std::string scheduler() {
    if (pass_.sigmas != nullptr) reading_.understand(*pass_.sigmas);
    return reading_.word(pass_.stepped(), "scheduler");
  }

  std::optional<double> steps() { return reading_.real(pass_.stepped(), "steps"); }
  double first_step() { return reading_.real(pass_.stepped(), "start_at_step").value_or(0); }
  std::optional<double> last_step() { return reading_.real(pass_.stepped(), "end_at_step"); }

  // It goes on with the noise that is in its latent.
  bool adds_no_noise() {
    if (pass_.noise != nullptr) return pass_.noise->type == "DisableNoise";
    const OrderedJson* adds = reading_.plain(*pass_.node, "add_noise");
    return adds != nullptr && (*adds == "disable" || *adds == false);
  }

  std::optional<ComfyPrompt> positive() {
    for (const char* input : {"positive", "conditioning", "cond1"})
      if (pass_.conditioned().links.contains(input))
        return comfy_prompt(reading_, pass_.conditioned(), input, "positive");
    return std::nullopt;
  }
  std::optional<ComfyPrompt> negative() { return comfy_prompt(reading_, pass_.conditioned(), "negative", "negative"); }

  bool conditioned_without_negative() const { return pass_.conditioned().type == "BasicGuider"; }

  ComfyModel model(const std::optional<ComfyPrompt>& prompt) {
    ComfyChain clip;
    if (prompt && prompt->encoder != nullptr) clip = comfy_chain(reading_, *prompt->encoder, "clip");
    return comfy_model(reading_, comfy_chain(reading_, pass_.conditioned(), "model"), clip);
  }

  // How much of the noise levels it walks, when it begins with a picture, and by which rule.
  struct Strength {
    double value = 1;
    const char* rule = "comfyui";
  };
  std::optional<Strength> strength() {
    if (const auto denoise = reading_.real(pass_.stepped(), "denoise")) return Strength{*denoise, "comfyui"};
    const auto count = steps();
    const double first = first_step();
    if (!count || first <= 0 || first >= *count) return std::nullopt;
    double share = (*count - first) / *count;
    if (*count * share < *count - first) share = std::nextafter(share, 1.0);  // whose product is cut to whole steps
    return Strength{share, "diffusers"};
  }

 private:
  void account(const ComfyNode& node, std::span<const std::string_view> known, const char* words) {
    if (!is_one_of(known, node)) reading_.tell(node, fmt::format("a node {} {}", shortened(node.type), words));
    reading_.understand(node);
  }

  ComfyReading& reading_;
  const ComfyPass& pass_;
};

// Passes of which each goes on where the one before stopped.
using ComfyWalk = std::vector<ComfyPass>;

std::vector<ComfyWalk> walks_of(ComfyReading& reading, const std::vector<ComfyPass>& passes) {
  std::vector<ComfyWalk> out;
  for (const ComfyPass& pass : passes) {
    const bool is_direct =
        std::ranges::all_of(pass.before.between, [](const ComfyNode* node) { return is_neutral(*node); });
    if (!out.empty() && is_direct && PassReader(reading, pass).adds_no_noise())
      out.back().push_back(pass);
    else
      out.push_back({pass});
  }
  return out;
}

class PassesReader {
 public:
  explicit PassesReader(ComfyReading& reading) : reading_(reading), said_(reading.said) {}

  void run(const std::vector<ComfyPass>& passes) {
    const std::vector<ComfyWalk> walks = walks_of(reading_, passes);
    first_ = walks.front().front();
    for (const ComfyWalk& walk : walks)
      for (const ComfyPass& pass : walk) PassReader(reading_, pass).understand();
    read_first(walks.front());
    for (size_t i = 1; i < walks.front().size(); ++i) tell_differences(walks.front()[i], "further steps", false);
    if (walks.size() > 1) read_second(walks);
  }

  // The noise of a batch is one draw, of which the picture has its slice.
  void take_batch_index(const std::optional<int64_t>& index) {
    if (!index) return;
    has_batch_index_ = true;
    if (*index == 0) return;
    said_.take("batch", std::to_string(*index + 1), "batch_index");
    said_.take("batch_noise", "slices", "batch_noise");
    said_.note(fmt::format("batch_index {}: of the {} pictures that are drawn, it is the last", *index, *index + 1));
  }

 private:
  void read_first(const ComfyWalk& walk) {
    PassReader pass(reading_, first_);
    take_json("seed", pass.seed());
    take_json("cfg", pass.cfg());
    take_sampler(pass);
    take_steps(walk);
    read_start(pass);
    prompt_ = pass.positive();
    negative_ = pass.conditioned_without_negative() ? std::nullopt : pass.negative();
    model_ = pass.model(prompt_);
    take_prompts(reading_, prompt_, negative_);
    take_model(reading_, model_);
  }

  void take_json(const char* field, const std::optional<OrderedJson>& value) {
    if (value) said_.take_json(field, *value, field);
  }

  void take_sampler(PassReader& pass) {
    if (const std::string name = pass.sampler(); !name.empty()) said_.take_sampler(name);
    if (first_.sampler != nullptr && first_.sampler->type == "SamplerEulerAncestral")
      reading_.take("eta", *first_.sampler, "eta");
  }

  void take_steps(const ComfyWalk& walk) {
    PassReader front(reading_, walk.front()), back(reading_, walk.back());
    if (first_.sigmas != nullptr && first_.sigmas->type == "ManualSigmas") {
      reading_.understand(*first_.sigmas);
      if (const std::string words = reading_.word(*first_.sigmas, "sigmas"); !words.empty())
        return said_.take("sigmas", words, "sigmas");
    }
    if (const std::string name = front.scheduler(); !name.empty())
      said_.take_schedule(name);
    else if (first_.sigmas != nullptr)
      said_.note(fmt::format("a node {} makes the noise levels", shortened(first_.sigmas->type)));
    take_json("steps", reading_.number(first_.stepped(), "steps"));
    const auto steps = front.steps(), last = back.last_step();
    bool is_whole = !last || !steps || *last >= *steps;
    for (size_t i = 0; i + 1 < walk.size(); ++i) {
      const auto end = PassReader(reading_, walk[i]).last_step();
      is_whole &= !end || *end == PassReader(reading_, walk[i + 1]).first_step();
    }
    is_whole &= front.first_step() == 0 || is_loaded_start();
    if (first_.split != nullptr) {
      const auto at = reading_.number(*first_.split, "step");
      if (walk.size() == 1)
        said_.note(fmt::format("SplitSigmas step {}: all steps are walked here", at ? at->dump() : "(not told)"));
    }
    if (!is_whole) said_.note("start_at_step, end_at_step: all steps are walked here");
    const OrderedJson* leftover = reading_.plain(*walk.back().node, "return_with_leftover_noise");
    if (leftover != nullptr && *leftover == "enable" && !is_whole)
      said_.note("return_with_leftover_noise: no noise is left here");
    for (const ComfyPass& pass : walk) reading_.plain(*pass.node, "return_with_leftover_noise");
  }

  bool is_loaded_start() const { return first_.before.end != nullptr && is_loaded(*first_.before.end); }

  // Noise, or a picture.
  void read_start(PassReader& pass) {
    const ComfyNode* from = first_.before.end;
    const bool is_empty = from == nullptr || !is_loaded(*from);
    std::optional<ComfySize> size;
    if (from != nullptr && is_empty) size = comfy_size(reading_, *from);
    const ComfyBetween between = read_between(reading_, first_.before.between, size, is_empty);
    take_batch_index(between.batch_index);
    if (between.size) size_ = *between.size;
    if (size_.width > 0 && size_.height > 0) said_.take_size(size_.width, size_.height);
    if (from == nullptr) return;
    const auto strength = pass.strength();
    if (is_empty) {
      tell_batch(*from);
      if (pass.adds_no_noise())
        said_.note("add_noise: it was drawn from an empty latent without noise, here from noise");
      if (strength && strength->rule == std::string_view("comfyui") && strength->value < 1)
        said_.note(fmt::format("denoise {} of an empty latent: here all of the way is walked", strength->value));
      return;
    }
    reading_.understand(*from);
    const bool is_latent = from->type.find("Latent") != from->type.npos;
    const std::string name = reading_.word(*from, is_latent ? "latent" : "image");
    said_.started_from_picture(
        fmt::format("{} {}", is_latent ? "latent" : "image", shortened(name.empty() ? from->type : name)));
    if (!strength) return;
    said_.take("strength", fmt::format("{}", strength->value), "denoise");
    said_.take("strength_rule", strength->rule, "strength_rule");
  }

  void tell_batch(const ComfyNode& empty) {
    if (const auto count = reading_.number(empty, "batch_size"); count && *count != 1 && !has_batch_index_)
      said_.note(fmt::format("batch_size {}: the first picture of that batch is drawn", count->dump()));
  }

  void read_second(const std::vector<ComfyWalk>& walks) {
    const ComfyWalk& last = walks.back();
    if (walks.size() > 2) said_.note(fmt::format("{} passes: the first and the last are drawn", walks.size()));
    std::vector<const ComfyNode*> between;  // of all passes, the first is nearest to the picture
    for (size_t i = walks.size() - 1; i > 0; --i)
      between.insert(between.end(), walks[i].front().before.between.begin(), walks[i].front().before.between.end());
    const std::optional<ComfySize> from = size_.width > 0 ? std::optional(size_) : std::nullopt;
    const ComfyBetween enlarged = read_between(reading_, between, from, false);
    take_batch_index(enlarged.batch_index);
    PassReader pass(reading_, last.front());
    const auto strength = pass.strength();
    const auto steps = reading_.number(last.front().stepped(), "steps");
    tell_differences(last.front(), "second pass", true);
    if (!enlarged.is_factor_known || enlarged.factor < 1)
      return said_.note(enlarged.is_factor_known ? "the second pass is not drawn: it was smaller than the first"
                                                 : "the second pass is not drawn: its factor is not told");
    if (enlarged.has_other_proportions) said_.note("the second pass had other proportions");
    if (const auto end = pass.last_step(), count = pass.steps(); end && count && *end < *count)
      said_.note("end_at_step of the second pass: it is walked to its end here");
    if (pass.adds_no_noise()) said_.note("add_noise: the second pass was drawn without new noise, here with it");
    said_.take("hires_scale", fmt::format("{}", enlarged.factor), "scale_by");
    if (strength) {
      said_.take("hires_strength", fmt::format("{}", strength->value), "denoise");
      said_.take("strength_rule", strength->rule, "strength_rule");
      const std::string* rule = said_.find("strength_rule");
      if (rule != nullptr && *rule != strength->rule)
        said_.note("the second pass counts its steps otherwise than the first: it does as the first here");
    }
    take_json("hires_steps", steps);
  }

  // What a pass says otherwise than the first, whose it has here.
  void tell_differences(const ComfyPass& other, const std::string& name, bool has_noise) {
    PassReader one(reading_, first_), two(reading_, other);
    const auto tell = [&](const char* what, const std::optional<OrderedJson>& a, const std::optional<OrderedJson>& b) {
      if (a && b && *a != *b)
        said_.note(fmt::format("{} {} of the {}: it has that of the first here", what, shortened(text_of(*b)), name));
    };
    const auto word = [](std::string text) { return text.empty() ? std::nullopt : std::optional(OrderedJson(text)); };
    if (const auto seed = two.seed(); has_noise) tell("seed", one.seed(), seed);
    tell("cfg", one.cfg(), two.cfg());
    tell("sampler_name", word(one.sampler()), word(two.sampler()));
    tell("scheduler", word(one.scheduler()), word(two.scheduler()));
    if (!has_noise)
      tell("steps", reading_.number(first_.stepped(), "steps"), reading_.number(other.stepped(), "steps"));
    const auto positive = two.positive();
    tell_prompt("prompt", prompt_, positive, name);
    if (!two.conditioned_without_negative()) tell_prompt("negative prompt", negative_, two.negative(), name);
    tell_model_differences(reading_, model_, two.model(positive), name);
    reading_.plain(*other.node, "return_with_leftover_noise");
  }

  void tell_prompt(const char* what, const std::optional<ComfyPrompt>& first, const std::optional<ComfyPrompt>& other,
                   const std::string& name) {
    if (!other) return;
    if (!first || first->text != other->text || first->is_zeroed != other->is_zeroed || first->system != other->system)
      said_.note(fmt::format("{} {} of the {}: it has that of the first here", what,
                             other->is_zeroed ? "(zeros)" : shortened(other->text), name));
  }

  ComfyReading& reading_;
  Said& said_;
  ComfyPass first_;
  ComfySize size_;
  std::optional<ComfyPrompt> prompt_, negative_;
  ComfyModel model_;
  bool has_batch_index_ = false;
};

}  // namespace

std::vector<ComfyPass> comfy_passes(const ComfyReading& reading, const ComfyWays& ways, const ComfyNode& last) {
  std::vector<ComfyPass> out;
  std::set<const ComfyNode*> seen;
  for (const ComfyNode* node = &last; node != nullptr && is_sampler(*node) && seen.insert(node).second;) {
    ComfyPass pass = pass_of(reading, *node);
    pass.before = ways.from(*node);
    node = pass.before.end;
    out.insert(out.begin(), std::move(pass));
  }
  return out;
}

void take_passes(ComfyReading& reading, const std::vector<ComfyPass>& passes, const ComfyWay& after) {
  PassesReader reader(reading);
  for (const ComfyNode* node : after.between) {
    if (is_neutral(*node)) continue;
    if (node->type == "LatentFromBatch" || node->type == "ImageFromBatch")
      reader.take_batch_index(read_between(reading, {node}, std::nullopt, false).batch_index);
    else
      reading.tell(*node, after_words(*node));
  }
  reader.run(passes);
}

}  // namespace newbie
