// Twenty models that are the embedded one in f32, and rescaled by random powers of two at random places: what leaves
// float16's range upwards or downwards is named first, and the cured model draws what float16 draws of the unscaled
// one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "overflow/cure.h"
#include "support/golden.h"
#include "unit/overflow/hard_model.h"

namespace newbie::test {
namespace {

// Rows of a weight, times 2^log2 or 2^-log2.
struct ScaledRows {
  std::string name;
  int sign = 1;
  size_t begin = 0, end = 0;  // 0: all
};
struct Place {
  std::string part;
  std::vector<std::string> modules;  // "layers.2.attention": what is named is in one of them
  std::vector<ScaledRows> rows;
};

void add_transformer(const std::string& block, std::vector<Place>& out) {
  constexpr size_t kQueriesAndKeys = (6 + 2) * 48, kAll = kQueriesAndKeys + 2 * 48;  // heads and key heads of 48
  const std::string a = block + ".attention", f = block + ".feed_forward", n = block + ".ffn_norm1";
  out.push_back({"transformer", {a}, {{a + ".qkv.weight", 1, kQueriesAndKeys, kAll}, {a + ".out.weight", -1}}});
  out.push_back({"transformer", {a}, {{a + ".q_norm.weight", 1}, {a + ".k_norm.weight", -1}}});
  out.push_back({"transformer", {f}, {{f + ".w3.weight", 1}, {f + ".w2.weight", -1}}});
  out.push_back({"transformer", {f, n}, {{n + ".weight", 1}, {f + ".w1.weight", -1}, {f + ".w3.weight", -1}}});
}

void add_gemma(const std::string& layer, std::vector<Place>& out) {
  const std::string m = layer + ".mlp", a = layer + ".self_attn";
  out.push_back({"text_encoder", {m}, {{m + ".up_proj.weight", 1}, {m + ".down_proj.weight", -1}}});
  out.push_back({"text_encoder", {a}, {{a + ".v_proj.weight", 1}, {a + ".o_proj.weight", -1}}});
}

void add_jina(const std::string& mixer, std::vector<Place>& out) {
  constexpr size_t kWidth = 128;
  const std::string jina = "text_model.transformer.roberta.encoder." + mixer;
  const auto piece = [&](size_t i, int sign) {
    std::vector<ScaledRows> rows;
    for (const char* name :
         {".Wqkv.bias", ".Wqkv.parametrizations.weight.0.lora_B", ".Wqkv.parametrizations.weight.original"})
      rows.push_back({jina + name, sign, i * kWidth, (i + 1) * kWidth});
    return rows;
  };
  Place values{"clip_model", {mixer}, piece(2, 1)}, logits{"clip_model", {mixer}, piece(0, 1)};
  values.rows.push_back({jina + ".out_proj.parametrizations.weight.0.lora_B", -1});
  values.rows.push_back({jina + ".out_proj.parametrizations.weight.original", -1});
  for (const ScaledRows& rows : piece(1, -1)) logits.rows.push_back(rows);
  out.push_back(values);
  out.push_back(logits);
}

std::vector<Place> all_places() {
  std::vector<Place> out;
  for (const char* in : {"cap_embedder", "clip_text_pooled_proj"})
    out.push_back({"transformer", {in}, {{fmt::format("{}.0.weight", in), 1}, {fmt::format("{}.1.weight", in), -1}}});
  for (int i = 0; i < 6; ++i) add_transformer(fmt::format("layers.{}", i), out);
  add_transformer("noise_refiner.0", out);
  add_transformer("context_refiner.1", out);
  for (int i = 0; i < 3; ++i) {
    add_gemma(fmt::format("layers.{}", i), out);
    add_jina(fmt::format("layers.{}.mixer", i), out);
  }
  const std::string v = "decoder.mid_block.attentions.0";
  out.push_back({"vae", {v}, {{v + ".to_v.weight", 1}, {v + ".to_v.bias", 1}, {v + ".to_out.0.weight", -1}}});
  out.push_back(
      {"vae", {v}, {{v + ".to_q.weight", 1}, {v + ".to_q.bias", 1}, {v + ".to_k.weight", -1}, {v + ".to_k.bias", -1}}});
  return out;
}

struct Scaling {
  Place place;
  int log2 = 0;
};

std::vector<Scaling> random_scalings(unsigned seed) {
  std::mt19937 random(seed);
  const std::vector<Place> places = all_places();
  std::vector<Scaling> out;
  while (out.size() < 1 + seed % 2) {
    Scaling s{places[random() % places.size()], 0};
    while (s.log2 == 0) s.log2 = static_cast<int>(random() % 49) - 24;
    if (out.empty() || out.front().place.modules.front() != s.place.modules.front()) out.push_back(std::move(s));
  }
  return out;
}

HardModel model_of(const std::vector<Scaling>& scalings) {
  std::map<std::string, HardModel::Change> changes;
  for (const Scaling& scaling : scalings)
    changes[scaling.place.part] = [of = scaling.place.part, scalings](const std::string& name, std::span<float> values,
                                                                      size_t row) {
      bool changed = false;
      for (const Scaling& s : scalings)
        for (const ScaledRows& rows : s.place.rows)
          if (s.place.part == of && rows.name == name) {
            const size_t end = rows.end == 0 ? values.size() : rows.end * row;
            scale(values.subspan(rows.begin * row, end - rows.begin * row), rows.sign * s.log2);
            changed = true;
          }
      return changed;
    };
  return HardModel(changes);
}

Image drawn(const ModelPaths& model, const PrecisionRequest& precision) {
  TextToImage engine =
      TextToImage::open(model, {.threads = 2, .precision = precision, .guard = GuardMode::Warn}, silent_log());
  RunObserver quiet;
  Image out;
  engine.generate(small_request(), quiet, {}, [&](GeneratedImage g) { out = std::move(g.image); });
  return out;
}

double mean_square(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double d = static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.pixels.size());
}

class RandomScales : public testing::TestWithParam<unsigned> {};

TEST_P(RandomScales, AreFoundAndCured) {
  const std::vector<Scaling> scalings = random_scalings(GetParam());
  std::string told;
  for (const Scaling& s : scalings)
    told += fmt::format("{} {} 2^{}; ", s.place.part, s.place.rows.front().name, s.log2);
  SCOPED_TRACE(told);
  const ModelPaths plain{.folder = avatar_path()};
  static const Image exact = drawn(plain, PrecisionRequest::F32);
  static const double usual = mean_square(drawn(plain, PrecisionRequest::F16), exact);

  const HardModel model = model_of(scalings);
  ASSERT_EQ(drawn(model.paths(), PrecisionRequest::F32), exact);  // the same function
  const auto subject = picture_subject(model.paths(), {small_request()}, {.threads = 2});
  RunObserver quiet;
  const StudyOptions options{.threads = 2, .part = {}};
  const auto before = study(*subject, PrecisionRequest::F16, options, quiet, {});
  for (const auto* found : {&before->excesses, &before->losses}) {
    if (found->empty()) continue;
    EXPECT_TRUE(std::ranges::any_of(scalings, [&](const Scaling& s) {
      return found->front().name.starts_with(s.place.part + ".") &&
             std::ranges::any_of(s.place.modules, [&](const std::string& module) {
               return found->front().name.find(module) != std::string::npos;
             });
    })) << found->front().name;
  }
  if (before->first_bad()) {
    EXPECT_FALSE(before->excesses.empty()) << before->first_bad()->name();
  }

  const Cure cured = cure(*subject, PrecisionRequest::F16, before, options, quiet, {});
  EXPECT_TRUE(cured.works()) << (cured.left.empty() ? "" : cured.left.front());
  // 1 dB of mean square, where anything differs at all.
  const double error = mean_square(drawn(model.paths(), cured.request), exact);
  EXPECT_LE(error, std::max(usual, 1e-9) * std::pow(10.0, 0.1));
  fmt::print("measured {}: {} beyond, {} below; {} rescales, {} rules; mean square {:.4g}, unscaled {:.4g}\n", told,
             before->excesses.size(), before->losses.size(), cured.rescales.size(), cured.rules.size(), error, usual);
}

INSTANTIATE_TEST_SUITE_P(Twenty, RandomScales, testing::Range(1u, 21u));

}  // namespace
}  // namespace newbie::test
