// What an adapter file says of scales outside its tensors: PEFT's adapter_config.json, diffusers'
// lora_adapter_metadata, and the official trainer's lora_rank and lora_alpha. An `.alpha` in the file goes before all.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "core/json.h"

namespace newbie {

class ScaleRules {
 public:
  // `config`: the text of adapter_config.json, if there is one to be used; `config_name` names it in messages.
  // `peft_names`: the keys are named as PEFT names them or bare, where the trainer's own metadata count.
  // Error{BadFile} for text that is no such configuration, Error{Unsupported} for a kind of adapter that is not read.
  ScaleRules(const std::optional<std::string>& config, const std::string& config_name,
             const std::map<std::string, std::string>& metadata, const std::string& file, bool peft_names);

  // The names a module goes by: without prefixes, and as the file spells it. Patterns may be of either.
  struct ModuleName {
    std::string bare, spelt;
  };
  // The scale of a module with low-rank factors of `rank`; nothing when nobody says. Error{BadFile} when the file says
  // another rank.
  std::optional<double> scale(AdapterPart part, const ModuleName& module, int64_t rank) const;
  // LoKr and LoHa as PEFT scales them: alpha / r, whether or not a factor is whole. Nothing when it is not PEFT's.
  std::optional<double> product_scale(const ModuleName& module) const;

  bool dora() const { return dora_; }  // the file says it is DoRA: a module without a magnitude is a mistake
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Numbers {
    std::string origin;
    std::optional<int64_t> rank;
    double alpha = 8;  // LoraConfig's default
    bool by_root = false;
    std::vector<std::pair<std::string, int64_t>> rank_pattern;
    std::vector<std::pair<std::string, double>> alpha_pattern;

    void read_patterns(const OrderedJson& json, const std::string& prefix);
    double alpha_of(const ModuleName& module) const;
    std::optional<int64_t> rank_of(const ModuleName& module) const;
  };
  Numbers read(const OrderedJson& json, const std::string& prefix, const std::string& where);
  void read_config(const std::string& text, const std::string& where);
  void read_metadata(const std::map<std::string, std::string>& metadata, const std::string& file, bool peft_names);

  std::optional<Numbers> transformer_, text_encoder_, products_;
  bool dora_ = false;
  std::vector<std::string> notes_;
};

}  // namespace newbie
