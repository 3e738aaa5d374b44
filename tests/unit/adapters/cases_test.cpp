// Every form of adapter file that is in use (tests/data/adapters), read and written: what it does to the embedded
// model's weights against expectations in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "adapters/change.h"
#include "adapters/read.h"
#include "adapters/write.h"
#include "core/files.h"
#include "unit/adapters/avatar_weights.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/combine.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;
constexpr double kTolerance = 1e-5;  // of the largest value, as the expectations were agreed on

fs::path cases_path() { return fs::path(NEWBIE_SOURCE_DIR) / "tests" / "data" / "adapters"; }
const Json& cases() {
  static const Json json = parse_json(read_file(cases_path() / "cases.json", 1 << 20), "cases.json");
  return json;
}

// W' − W of every weight that a file changes, by the table's names.
using Deltas = std::map<std::string, Tensor>;
Deltas deltas_of(const std::vector<AdapterChange>& changes) {
  std::map<std::pair<AdapterPart, std::string>, std::vector<AppliedChange>> by_weight;
  for (const AdapterChange& change : changes) by_weight[{change.part, change.weight}].push_back({change, 1});
  Deltas out;
  for (const auto& [weight, list] : by_weight) {
    const DerivedTensor base = avatar_weights().weight(weight.first, weight.second);
    const std::vector<float> before = values_of(base);
    Tensor delta{base.spec.shape, values_of(changed_weight(base, list))};
    for (size_t i = 0; i < before.size(); ++i) delta.values[i] -= before[i];
    std::string name = (weight.first == AdapterPart::TextEncoder ? "text_encoder." : "") + weight.second;
    if (name.ends_with(".weight")) name.resize(name.size() - 7);
    out.emplace(name, std::move(delta));
  }
  return out;
}

double largest(const std::vector<float>& values) {
  double out = 0;
  for (const float value : values) out = std::max(out, std::abs(static_cast<double>(value)));
  return out;
}

class Expected {
 public:
  explicit Expected(const fs::path& file) : files_(open_weights(file)) {}
  bool has(const std::string& key) const { return files_.find(key) != nullptr; }
  std::vector<float> operator[](const std::string& key) const {
    const FileTensor& tensor = *files_.find(key);
    if (tensor.spec().dtype != DType::I32) return values_of(stored_tensor(tensor));
    return as_tensor({tensor.spec(), tensor.bytes().data()}).values;
  }

 private:
  OpenedWeights files_;
};

void expect_near(const std::vector<float>& got, const std::vector<float>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  const double bound = kTolerance * largest(want);
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], bound) << what << " " << i;
}

// Δ p with p_j = cos(j), or pᵀ Δ.
std::vector<float> probed(const Tensor& delta, bool from_left) {
  const int64_t rows = delta.shape[0], columns = delta.shape[1];
  std::vector<double> sums(static_cast<size_t>(from_left ? columns : rows));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      sums[static_cast<size_t>(from_left ? c : r)] +=
          static_cast<double>(delta.values[static_cast<size_t>(r * columns + c)]) *
          std::cos(static_cast<double>(from_left ? r : c));
  return {sums.begin(), sums.end()};
}

void expect_case(const Json& entry, const Deltas& deltas) {
  const Expected expected(cases_path() / entry.at("case").get<std::string>() / "expected.safetensors");
  std::vector<std::string> modules = entry.at("modules").get<std::vector<std::string>>(), got;
  for (const auto& [name, delta] : deltas) got.push_back(name);
  ASSERT_EQ(got, modules);
  for (const auto& [name, delta] : deltas) {
    if (expected.has(name + ".delta")) expect_near(delta.values, expected[name + ".delta"], name);
    if (delta.shape.rank() == 1) continue;
    EXPECT_NEAR(largest(delta.values), expected[name + ".max_abs"][0], kTolerance * largest(delta.values)) << name;
    expect_near(probed(delta, false), expected[name + ".delta_times_probe"], name + " times probe");
    expect_near(probed(delta, true), expected[name + ".probe_times_delta"], "probe times " + name);
    if (!expected.has(name + ".rows")) continue;
    std::vector<float> rows;
    const auto columns = static_cast<size_t>(delta.shape[1]);
    for (const float row : expected[name + ".rows"])
      rows.insert(rows.end(), delta.values.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * columns),
                  delta.values.begin() + static_cast<std::ptrdiff_t>((static_cast<size_t>(row) + 1) * columns));
    expect_near(rows, expected[name + ".delta_rows"], name + " rows");
  }
}

TEST(AdapterCases, EveryFormDoesWhatItShould) {
  for (const Json& entry : cases().at("cases")) {
    const std::string name = entry.at("case");
    SCOPED_TRACE(name);
    const Adapter adapter = read_adapter(cases_path() / name / "adapter_model.safetensors", avatar_weights().base);
    EXPECT_EQ(adapter.keys, entry.at("keys").get<size_t>());
    EXPECT_EQ(adapter.name, name);
    EXPECT_EQ(adapter.hash.size(), 64u);
    expect_case(entry, deltas_of(adapter.changes));
  }
}

TEST(AdapterCases, WhatIsBadIsRefusedWithItsReason) {
  const std::map<std::string, std::string> reasons{
      {"bad/no_up.safetensors", "lora_A without lora_B"},
      {"bad/ranks_differ.safetensors", "lora_A has rank 2, lora_B has rank 4"},
      {"bad/other_model.safetensors", "made for a model of width 2304, this one has 288"},
      {"bad/nothing_matches.safetensors", "look like FLUX"},
      {"bad/one_unknown_key.safetensors", "layers.77.attention.out.lora_A.weight"},
      {"bad/nan.safetensors", "expected finite numbers, element 7 is nan"},
      {"bad/twice.safetensors", "'diffusion_model.layers.1.attention.out' and 'lora_unet_layers_1_attention_out'"},
      {"bad/fused_and_split.safetensors", "expected one change of layers.1.attention.qkv.weight"},
      {"bad/lokr_shape.safetensors", "LoKr: the change is 240 x 288, expected 288 x 288"},
      {"bad/full_size_v_rows.safetensors", "288 x 288, expected 96 x 288 (rows 288 to 384 of layers.1.attention.qkv)"},
      {"bad/cut.safetensors", "cut.safetensors"},
  };
  for (const Json& entry : cases().at("refuse")) {
    const std::string file = entry.at("file");
    SCOPED_TRACE(file);
    ASSERT_TRUE(reasons.contains(file));
    EXPECT_ERROR(read_adapter(cases_path() / file, avatar_weights().base), ErrorKind::BadFile, reasons.at(file));
  }
}

// Which forms say what a case holds.
bool says(AdapterForm form, const std::string& name) {
  const bool kohya = form == AdapterForm::Kohya, comfyui = form == AdapterForm::ComfyUi;
  if (name == "lokr" || name == "loha" || name == "full") return kohya || comfyui;
  if (name == "peft_dora" || name == "dora_scale") return kohya || form == AdapterForm::Peft;
  return kohya || name != "text_encoder_keys";
}

TEST(AdapterCases, EveryFormIsWrittenSoThatItReadsTheSame) {
  for (const AdapterForm form : {AdapterForm::Peft, AdapterForm::ComfyUi, AdapterForm::Diffusers, AdapterForm::Kohya}) {
    for (const Json& entry : cases().at("cases")) {
      const std::string name = entry.at("case");
      SCOPED_TRACE(fmt::format("{} as {}", name, to_string(form)));
      const AdapterBase& base = avatar_weights().base;
      const Adapter adapter = read_adapter(cases_path() / name / "adapter_model.safetensors", base);
      const TemporaryFolder folder;
      const fs::path path = form == AdapterForm::Peft ? folder / "written" : folder / "written.safetensors";
      if (!says(form, name)) {
        EXPECT_ERROR(write_adapter(path, adapter.changes, base, {.form = form}), ErrorKind::Unsupported,
                     "have no form in");
        EXPECT_FALSE(fs::exists(path));
        continue;
      }
      write_adapter(path, adapter.changes, base, {.form = form});
      const Adapter again = read_adapter(path, base);
      EXPECT_TRUE(again.notes.empty() || form == AdapterForm::ComfyUi) << again.notes.front();
      expect_case(entry, deltas_of(again.changes));
    }
  }
}

}  // namespace
}  // namespace newbie::test
