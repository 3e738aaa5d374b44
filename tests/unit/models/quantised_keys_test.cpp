// Which key says what about how a weight is stored, and that nothing said is passed over.
#include "models/quantised_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A file in words: key -> (dtype, text).
struct Told {
  std::string dtype = "BF16", text = {};
};
using File = std::map<std::string, Told>;

QuantisedKeys split(const File& file, const std::string& metadata = {}) {
  std::vector<std::string> keys;
  for (const auto& [key, told] : file) keys.push_back(key);
  return split_quantised({.keys = keys,
                          .dtype = [&](const std::string& key) { return std::string_view(file.at(key).dtype); },
                          .text = [&](const std::string& key) { return file.at(key).text; },
                          .quantization = metadata,
                          .where = "f"});
}

Told marker(const char* json) { return {"U8", json}; }

TEST(QuantisedKeys, OldScalesBelongToTheirWeights) {
  const QuantisedKeys found = split({{"a.scale_weight", {}},
                                     {"a.weight", {"F8_E4M3"}},
                                     {"b.input_scale", {}},
                                     {"b.weight", {"F8_E4M3"}},
                                     {"b.weight_scale", {}},
                                     {"c.weight_scale", {}},
                                     {"scaled_fp8", {}}});
  EXPECT_THAT(found.keys, ElementsAre("a.weight", "b.weight", "c.weight_scale"));
  EXPECT_THAT(found.ignored, ElementsAre("b.input_scale", "scaled_fp8"));
  EXPECT_EQ(found.weights.at("a.weight").scale, "a.scale_weight");
  EXPECT_EQ(found.weights.at("b.weight").scale, "b.weight_scale");
  EXPECT_ERROR(split({{"a.scale_weight", {}}, {"a.weight", {}}, {"a.weight_scale", {}}}), ErrorKind::BadFile,
               "one scale of 'a.weight'");
}

TEST(QuantisedKeys, MarkersNameTheFormat) {
  const QuantisedKeys found = split(
      {{"a.comfy_quant", marker(R"({"format":"float8_e4m3fn"})")},
       {"a.weight", {"U8"}},
       {"a.weight_scale", {}},
       {"b.comfy_quant", marker(R"({"format":"int8_tensorwise","params":{"convrot":true,"convrot_groupsize":64}})")},
       {"b.weight", {"I8"}},
       {"b.weight_scale", {}},
       {"c.comfy_quant", marker(R"({"format":"nvfp4"})")},
       {"c.pre_quant_scale", {}},
       {"c.weight", {"U8"}},
       {"c.weight_scale", {}},
       {"c.weight_scale_2", {}},
       {"d.comfy_quant", marker(R"({"format":"mxfp8"})")},
       {"d.weight", {"F8_E4M3"}},
       {"d.weight_scale", {}}});
  EXPECT_THAT(found.keys, ElementsAre("a.weight", "b.weight", "c.weight", "d.weight"));
  EXPECT_EQ(found.weights.at("a.weight").bytes_as, DType::F8E4M3);
  EXPECT_EQ(found.weights.at("b.weight").rotation, 64);
  EXPECT_EQ(found.weights.at("c.weight").scheme, WeightScheme::Nvfp4);
  EXPECT_EQ(found.weights.at("c.weight").second_scale, "c.weight_scale_2");
  EXPECT_EQ(found.weights.at("c.weight").input_scale, "c.pre_quant_scale");
  EXPECT_EQ(found.weights.at("d.weight").scheme, WeightScheme::Mxfp8);
}

TEST(QuantisedKeys, WhatIsNotUnderstoodIsRefusedByName) {
  const auto refused = [](const File& file, const char* because) {
    EXPECT_ERROR(split(file), ErrorKind::Unsupported, because);
  };
  refused({{"a.comfy_quant", marker(R"({"format":"convrot_w4a4"})")}, {"a.weight", {"I8"}}}, "'convrot_w4a4'");
  refused({{"a.comfy_quant", marker(R"({"convrot":true})")}, {"a.weight", {"I8"}}}, "does not name");
  refused({{"a.weight", {"I8"}}, {"a.weight_scale", {}}}, "int8 whose format no marker names");
  refused({{"a.weight", {"U8"}}, {"a.weight_scale", {}}}, "bytes whose format no marker names");
  refused({{"a.comfy_quant", marker(R"({"format":"int8_tensorwise","convrot":true,"convrot_groupsize":32})")},
           {"a.weight", {"I8"}},
           {"a.weight_scale", {}}},
          "a power of 4");
  refused({{"a.qweight", {"I8"}}, {"a.wscales", {}}}, "weights in GPTQ, AWQ or SVDQuant");
  refused({{"a.smooth_factor", {}}}, "SVDQuant");
  refused({{"a.weight_packed", {}}}, "compressed-tensors");
  EXPECT_ERROR(split({{"a.comfy_quant", marker("{")}, {"a.weight", {}}}), ErrorKind::BadFile, "f: 'a.comfy_quant'");
  EXPECT_ERROR(
      split({{"a.comfy_quant", marker(R"({"format":"nvfp4"})")}, {"a.weight", {"U8"}}, {"a.weight_scale", {}}}),
      ErrorKind::BadFile, "expected weight_scale_2");
}

// What is missing would be taken for 1, and what contradicts itself for one of both.
TEST(QuantisedKeys, NothingIsGuessed) {
  const Told e4m3 = marker(R"({"format":"float8_e4m3fn"})");
  EXPECT_ERROR(split({{"a.comfy_quant", e4m3}, {"a.weight", {"F8_E4M3"}}}), ErrorKind::BadFile,
               "expected weight_scale beside it");
  EXPECT_ERROR(split({{"a.weight", {"F8_E4M3"}}, {"scaled_fp8", {}}}), ErrorKind::BadFile,
               "expected weight_scale beside it");
  EXPECT_TRUE(split({{"embed_tokens.weight", {"F8_E4M3"}}, {"scaled_fp8", {}}}).weights.empty());
  EXPECT_TRUE(split({{"a.weight", {"F8_E4M3"}}}).weights.empty()) << "a plain cast has no scales";
  for (const char* dtype : {"F8_E5M2", "BF16", "I8"})
    EXPECT_ERROR(split({{"a.comfy_quant", e4m3}, {"a.weight", {dtype}}, {"a.weight_scale", {}}}), ErrorKind::BadFile,
                 "its marker says 'float8_e4m3fn'");
  EXPECT_ERROR(split({{"a.comfy_quant", e4m3}, {"a.weight", {"U8"}}, {"a.weight_scale", {}}},
                     R"({"layers":{"a":{"format":"float8_e5m2"}}})"),
               ErrorKind::BadFile, "two markers of one weight");
  EXPECT_ERROR(split({{"a.comfy_quant", marker(R"({"format":"float8_e4m3fn","convrot":true})")},
                      {"a.weight", {"F8_E4M3"}},
                      {"a.weight_scale", {}}}),
               ErrorKind::Unsupported, "ConvRot");
  for (const char* key : {"a.scale", "a.weight_scale_inv", "a.my_scales"})
    EXPECT_ERROR(split({{key, {}}, {"a.weight", {"F8_E4M3"}}}), ErrorKind::Unsupported, key);
  EXPECT_ERROR(split({{"a.weight", {"F8_E4M3"}}, {"a.weight_scale", {}}, {"a.weight_scale_2", {}}}),
               ErrorKind::Unsupported, "two scales");
  for (const char* key : {"a._weight_qdata", "a.weight._data", "a.W_q"})
    EXPECT_ERROR(split({{key, {"U8"}}}), ErrorKind::Unsupported, key);
}

TEST(QuantisedKeys, TheMetadataNamesLayersWithOrWithoutThePrefix) {
  const File file = {{"model.x.weight", {"F8_E4M3"}}, {"model.x.weight_scale", {}}, {"model.xx.weight", {}}};
  const QuantisedKeys found =
      split(file, R"({"format_version":"1.0","layers":{"x":{"format":"mxfp8"},"gone":{"format":"mxfp8"}}})");
  EXPECT_EQ(found.weights.size(), 1U);
  EXPECT_EQ(found.weights.at("model.x.weight").scheme, WeightScheme::Mxfp8);
  EXPECT_ERROR(split(file, R"({"layers":{"x":{"format":"new"}}})"), ErrorKind::Unsupported, "'new'");
  EXPECT_ERROR(split(file, R"({"layers":7})"), ErrorKind::BadFile, "'layers'");
}

TEST(QuantisedKeys, BitsandbytesLiesBehindTheWeightsKey) {
  const QuantisedKeys found = split({{"a.weight", {"U8"}},
                                     {"a.weight.absmax", {"U8"}},
                                     {"a.weight.nested_absmax", {}},
                                     {"a.weight.nested_quant_map", {}},
                                     {"a.weight.quant_map", {}},
                                     {"a.weight.quant_state.bitsandbytes__nf4", marker("{state}")}});
  EXPECT_THAT(found.keys, ElementsAre("a.weight"));
  EXPECT_THAT(found.ignored, IsEmpty());
  const QuantisedWeight& how = found.weights.at("a.weight");
  EXPECT_EQ(how.scheme, WeightScheme::Codebook);
  EXPECT_EQ(how.scale, "a.weight.absmax");
  EXPECT_EQ(how.nested_table, "a.weight.nested_quant_map");
  EXPECT_EQ(how.state, "{state}");
  EXPECT_ERROR(split({{"a.weight", {"U8"}}, {"a.weight.absmax", {}}}), ErrorKind::BadFile, "expected quant_map");
}

}  // namespace
}  // namespace newbie
