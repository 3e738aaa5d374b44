#include "adapters/write.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "adapters/change.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/new_paths.h"
#include "models/next_dit/names.h"
#include "weights/narrowing.h"
#include "weights/stoppable.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

constexpr size_t kWrittenAtOnce = 64 * 1024;  // elements

struct FormRow {
  AdapterForm form;
  std::string_view name;
};
constexpr FormRow kForms[] = {{AdapterForm::Peft, "peft"},
                              {AdapterForm::ComfyUi, "comfyui"},
                              {AdapterForm::Diffusers, "diffusers"},
                              {AdapterForm::Kohya, "kohya"}};

// The values times `factor` as `dtype`, a piece at a time.
StreamedTensor streamed(const std::string& name, const DerivedTensor& tensor, DType dtype, double factor = 1) {
  const auto scale = static_cast<float>(factor);
  return {name, {tensor.spec.shape, dtype}, [name, tensor, dtype, scale](const auto& write) {
            Narrowing narrowing(name, dtype);
            const size_t count = tensor.spec.shape.elements();
            std::vector<float> piece(std::min(count, kWrittenAtOnce));
            std::vector<std::byte> bytes(piece.size() * size_of(dtype));
            for (size_t first = 0; first < count; first += piece.size()) {
              const size_t some = std::min(piece.size(), count - first);
              tensor.fill(first, {piece.data(), some});
              for (float& value : piece) value *= scale;
              narrowing.convert({piece.data(), some}, bytes.data());
              write({bytes.data(), some * size_of(dtype)});
            }
            narrowing.finish();
            for (const FileTensor& source : tensor.sources) source.file->check_intact();
          }};
}

// "layers.0.attention.qkv.weight" as its module; biases have one, too.
std::string module_of(const AdapterChange& change) { return change.weight.substr(0, change.weight.rfind('.')); }
bool is_bias(const AdapterChange& change) { return change.weight.ends_with(".bias"); }

std::string underscored(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

// Changes that a form has no words for, for one message.
class Unsayable {
 public:
  explicit Unsayable(AdapterForm form) : form_(form) {}
  void add(const AdapterChange& change, std::string_view what) {
    if (count_++ < 3) list_ += fmt::format("{}{} ({})", list_.empty() ? "" : ", ", change.weight, what);
  }
  void check() const {
    if (count_ != 0)
      fail_with_hint(ErrorKind::Unsupported,
                     "another form may have it (docs/lora.md); whole differences and a low-rank one nearby are others",
                     "{} of the adapter's changes have no form in {}: {}{}", count_, to_string(form_), list_,
                     count_ > 3 ? ", …" : "");
  }

 private:
  AdapterForm form_;
  size_t count_ = 0;
  std::string list_;
};

// Changes of parts of a matrix, of one weight each time, as one of the whole; the rest as it is.
std::vector<AdapterChange> joined(std::span<const AdapterChange> changes) {
  std::vector<AdapterChange> out;
  std::map<std::pair<AdapterPart, std::string>, std::vector<AppliedChange>> parts;
  for (const AdapterChange& change : changes) {
    if (change.whole() || change.kind != ChangeKind::LowRank || change.magnitude)
      out.push_back(change);
    else
      parts[{change.part, change.weight}].push_back({change, 1});
  }
  for (const auto& [weight, list] : parts) {
    AdapterChange whole = list.front().change;
    LowRankFactors factors = join_low_rank(list);
    whole.factors = {std::move(factors.down), std::move(factors.up)};
    whole.scale = 1;
    whole.first_row = 0;
    whole.rows = whole.shape[0];
    out.push_back(std::move(whole));
  }
  std::ranges::stable_sort(out, {}, [](const AdapterChange& c) { return std::pair(c.part, c.weight); });
  return out;
}

// One number in a patterned table: what most modules have, and those that differ.
template <typename T>
struct Pattern {
  T most{};
  OrderedJson others = OrderedJson::object();

  explicit Pattern(const std::vector<std::pair<std::string, T>>& values) {
    std::map<T, size_t> counts;
    for (const auto& [module, value] : values) ++counts[value];
    size_t best = 0;
    for (const auto& [value, count] : counts)
      if (count > best) {
        best = count;
        most = value;
      }
    for (const auto& [module, value] : values)
      if (value != most) others[module] = number(value);
  }
  static OrderedJson number(T value) {  // 8, not 8.0
    if (const auto whole = static_cast<int64_t>(value); static_cast<T>(whole) == value) return whole;
    return value;
  }
};

// What PEFT's LoraConfig holds of ranks and scales, by the modules' names in the file.
class PeftNumbers {
 public:
  void add(const std::string& module, int64_t rank, double scale) {
    ranks_.emplace_back(module, rank);
    alphas_.emplace_back(module, scale * static_cast<double>(rank));
  }
  OrderedJson json(const std::string& prefix, bool dora) const {
    const Pattern<int64_t> rank(ranks_);
    const Pattern<double> alpha(alphas_);
    OrderedJson targets = OrderedJson::array();
    for (const auto& [module, value] : ranks_) targets.push_back(module);
    return {{prefix + "r", rank.most},
            {prefix + "lora_alpha", Pattern<double>::number(alpha.most)},
            {prefix + "rank_pattern", rank.others},
            {prefix + "alpha_pattern", alpha.others},
            {prefix + "target_modules", targets},
            {prefix + "use_dora", dora},
            {prefix + "use_rslora", false}};
  }

 private:
  std::vector<std::pair<std::string, int64_t>> ranks_;
  std::vector<std::pair<std::string, double>> alphas_;
};

void write_peft(AdapterFileContents& out, std::span<const AdapterChange> changes, const AdapterWriting& writing) {
  const std::vector<AdapterChange> all = joined(changes);
  const bool dora = std::ranges::any_of(all, [](const AdapterChange& c) { return c.magnitude.has_value(); });
  Unsayable unsayable(writing.form);
  PeftNumbers numbers;
  for (const AdapterChange& change : all) {
    if (change.part != AdapterPart::Transformer)
      unsayable.add(change, "the text encoder");
    else if (change.kind != ChangeKind::LowRank || !change.whole())
      unsayable.add(change, to_string(change.kind));
    else if (change.magnitude && change.magnitude->by_input)
      unsayable.add(change, "DoRA by inputs");
    else if (dora && !change.magnitude)
      unsayable.add(change, "LoRA beside DoRA");
    if (change.kind != ChangeKind::LowRank) continue;
    const std::string module = module_of(change), key = "base_model.model." + module;
    out.tensors.push_back(streamed(key + ".lora_A.weight", change.factors[0], writing.dtype));
    out.tensors.push_back(streamed(key + ".lora_B.weight", change.factors[1], writing.dtype));
    if (change.magnitude)
      out.tensors.push_back(streamed(key + ".lora_magnitude_vector", change.magnitude->values, writing.dtype));
    numbers.add(module, change.rank(), change.scale);
  }
  unsayable.check();
  out.metadata.insert({"format", "pt"});
  OrderedJson config = numbers.json("", dora);
  config["peft_type"] = "LORA";
  config["lora_dropout"] = writing.dropout;
  config["bias"] = "none";
  config["fan_in_fan_out"] = false;
  config["inference_mode"] = true;
  config["init_lora_weights"] = true;
  config["task_type"] = nullptr;
  config["base_model_name_or_path"] =
      writing.base_model.empty() ? OrderedJson(nullptr) : OrderedJson(writing.base_model);
  out.config = config.dump(2) + '\n';
}

void write_diffusers(AdapterFileContents& out, std::span<const AdapterChange> changes, const AdapterBase& base,
                     const AdapterWriting& writing) {
  Unsayable unsayable(writing.form);
  PeftNumbers numbers;
  const int64_t cuts[] = {0, base.q_rows, base.q_rows + base.kv_rows, base.q_rows + 2 * base.kv_rows};
  const auto add = [&](std::string_view name, const DerivedTensor& down, const DerivedTensor& up, double scale) {
    const std::string module(name.substr(0, name.rfind('.')));  // without ".weight"
    out.tensors.push_back(streamed("transformer." + module + ".lora_A.weight", down, writing.dtype));
    out.tensors.push_back(streamed("transformer." + module + ".lora_B.weight", up, writing.dtype));
    numbers.add(module, down.spec.shape[0], scale);
  };
  for (const AdapterChange& change : changes) {
    if (change.part != AdapterPart::Transformer) {
      unsayable.add(change, "the text encoder");
    } else if (change.kind != ChangeKind::LowRank || change.magnitude) {
      unsayable.add(change, change.magnitude ? "DoRA" : to_string(change.kind));
    } else {
      const std::vector<NextDitName> names = next_dit_other_names(change.weight);
      if (names.empty() || !names.front().third) {
        add(names.empty() ? change.weight : names.front().name, change.factors[0], change.factors[1], change.scale);
        continue;
      }
      for (size_t third = 0; third < 3; ++third) {  // the rows it has of q, k and v
        const int64_t first = std::max(change.first_row, cuts[third]);
        const int64_t end = std::min(change.first_row + change.rows, cuts[third + 1]);
        if (first < end && (first != cuts[third] || end != cuts[third + 1]))
          fail(ErrorKind::Internal, "{}: a change of a part of q, k or v", change.weight);
        if (first < end)
          add(names[third].name, change.factors[0], rows_of(change.factors[1], first - change.first_row, end - first),
              change.scale);
      }
    }
  }
  unsayable.check();
  out.metadata.insert({"format", "pt"});
  out.metadata.insert({"lora_adapter_metadata", numbers.json("transformer.", false).dump()});
}

// Names of the factors of LoKr and LoHa, as ComfyUI and LyCORIS have them.
void add_products(AdapterFileContents& out, const std::string& key, const AdapterChange& change, DType dtype) {
  constexpr std::string_view kNames[2][4] = {{".lokr_w1", ".lokr_w2"},
                                             {".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b"}};
  const auto& names = kNames[change.kind == ChangeKind::Kronecker ? 0 : 1];
  // LoKr's alpha does not count where its factors are whole: the scale lies in the first of them.
  const bool whole = change.kind == ChangeKind::Kronecker;
  for (size_t i = 0; i < change.factors.size(); ++i)
    out.tensors.push_back(
        streamed(key + std::string(names[i]), change.factors[i], dtype, whole && i == 0 ? change.scale : 1));
  if (whole) return;
  const auto alpha = static_cast<float>(change.scale * static_cast<double>(change.factors[1].spec.shape[0]));
  out.tensors.push_back(streamed(key + ".alpha", held_tensor(Shape{}, {alpha}), DType::F32));
}

void write_flat(AdapterFileContents& out, std::span<const AdapterChange> changes, const AdapterWriting& writing) {
  const bool kohya = writing.form == AdapterForm::Kohya;
  Unsayable unsayable(writing.form);
  for (const AdapterChange& change : joined(changes)) {
    const bool encoder = change.part == AdapterPart::TextEncoder;
    const std::string key = !kohya    ? "diffusion_model." + module_of(change)
                            : encoder ? "lora_te_" + underscored(module_of(change))
                                      : "lora_unet_" + underscored(module_of(change));
    const DType dtype = writing.dtype;
    if (encoder && !kohya) {
      unsayable.add(change, "the text encoder");
    } else if (!change.whole() || (change.kind == ChangeKind::Replacement && is_bias(change))) {
      unsayable.add(change, to_string(change.kind));
    } else if (change.magnitude && (!kohya || change.kind != ChangeKind::LowRank)) {
      unsayable.add(change, "DoRA");
    } else if (change.kind == ChangeKind::LowRank && kohya) {
      out.tensors.push_back(streamed(key + ".lora_down.weight", change.factors[0], dtype));
      out.tensors.push_back(streamed(key + ".lora_up.weight", change.factors[1], dtype));
      const auto alpha = static_cast<float>(change.scale * static_cast<double>(change.rank()));
      out.tensors.push_back(streamed(key + ".alpha", held_tensor(Shape{}, {alpha}), DType::F32));
      if (change.magnitude) {
        DerivedTensor values = change.magnitude->values;
        const int64_t n = values.spec.shape[0];
        values.spec.shape = change.magnitude->by_input ? Shape{1, n} : Shape{n, 1};
        out.tensors.push_back(streamed(key + ".dora_scale", values, dtype));
      }
    } else if (change.kind == ChangeKind::LowRank) {
      out.tensors.push_back(streamed(key + ".lora_A.weight", change.factors[0], dtype));
      out.tensors.push_back(streamed(key + ".lora_B.weight", change.factors[1], dtype, change.scale));
    } else if (change.kind == ChangeKind::Difference) {
      out.tensors.push_back(
          streamed(key + (is_bias(change) ? ".diff_b" : ".diff"), change.factors[0], dtype, change.scale));
    } else if (change.kind == ChangeKind::Replacement) {
      out.tensors.push_back(streamed(key + ".set_weight", change.factors[0], dtype));
    } else {
      add_products(out, key, change, dtype);
    }
  }
  unsayable.check();
}

}  // namespace

std::string_view to_string(AdapterForm form) {
  for (const FormRow& row : kForms)
    if (row.form == form) return row.name;
  return "unknown";
}

std::optional<AdapterForm> find_adapter_form(std::string_view name) {
  for (const FormRow& row : kForms)
    if (row.name == name) return row.form;
  return std::nullopt;
}

AdapterFileContents adapter_contents(std::span<const AdapterChange> changes, const AdapterBase& base,
                                     const AdapterWriting& writing) {
  if (writing.dtype != DType::F32 && writing.dtype != DType::BF16 && writing.dtype != DType::F16)
    fail(ErrorKind::InvalidRequest, "adapters are written as f32, bf16 or f16, not as {}", to_string(writing.dtype));
  AdapterFileContents out{.metadata = writing.metadata};
  switch (writing.form) {
    case AdapterForm::Peft: write_peft(out, changes, writing); break;
    case AdapterForm::Diffusers: write_diffusers(out, changes, base, writing); break;
    case AdapterForm::ComfyUi:
    case AdapterForm::Kohya: write_flat(out, changes, writing); break;
  }
  return out;
}

std::vector<fs::path> write_adapter(const fs::path& path, std::span<const AdapterChange> changes,
                                    const AdapterBase& base, const AdapterWriting& writing, StopToken stop) {
  AdapterFileContents contents = adapter_contents(changes, base, writing);
  const bool is_folder = writing.form == AdapterForm::Peft;
  const fs::path folder = is_folder ? path : path.parent_path();
  std::vector<fs::path> written{is_folder ? path / "adapter_model.safetensors" : path};
  NewPaths made;
  if (!folder.empty()) made.make_folder(folder);
  made.add(written.front());
  stream_safetensors(written.front(), stoppable(std::move(contents.tensors), stop), contents.metadata);
  if (!contents.config.empty()) {
    written.push_back(path / "adapter_config.json");
    write_file_atomically(written.back(), contents.config);
  }
  made.keep();
  return written;
}

}  // namespace newbie
