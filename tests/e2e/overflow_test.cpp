// newbie overflow: the report in three forms, and a cure that newbie generate takes.
#include <gmock/gmock.h>

#include <filesystem>

#include "core/files.h"
#include "core/float_formats.h"
#include "core/json.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"
#include "weights/formats/safetensors.h"
#include "weights/safetensors_writer.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kSmall{"-W", "32", "-H", "32", "--steps", "2", "--sampling-method", "euler"};

Outcome overflow(std::vector<std::string> more) {
  more.insert(more.begin(), "overflow");
  return run(std::move(more));
}
std::vector<std::string> small(std::vector<std::string> more) {
  more.insert(more.end(), kSmall.begin(), kSmall.end());
  return more;
}

TEST(Overflow, TellsTheLargestValuesAndThatF16HoldsThem) {
  const Outcome o = overflow(small({"-p", "1girl, blue_hair", "--rows", "5"}));
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("f16 (f16), 1 prompt"));
  EXPECT_THAT(o.out, HasSubstr("(5 of "));
  EXPECT_THAT(o.out, HasSubstr("nothing is beyond what f16 keeps"));
  EXPECT_THAT(o.out, HasSubstr("every value stayed in range"));
}

TEST(Overflow, NaiveF16IsCuredAndThePolicyDraws) {
  const TemporaryFolder folder;
  const std::string policy = (folder / "policy.toml").string(), page = (folder / "report.html").string();
  const Outcome o = overflow(small({"--precision", "f16-naive", "--cure", policy, "--html", page, "--json"}));
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = Json::parse(o.out);
  EXPECT_EQ(json["run"]["finite"], false);
  EXPECT_TRUE(json["run"]["first"]["inside"]);
  EXPECT_FALSE(json["beyond"].empty());
  EXPECT_EQ(json["cure"]["works"], true);
  EXPECT_EQ(json["cure"]["run"]["finite"], true);
  EXPECT_GE(json["cure"]["run"]["cosines"][0], 0.999);
  EXPECT_GT(json["values"].size(), 100U);
  EXPECT_GT(json["inside"].size(), 50U);

  const std::string html = read_file(page, 64 << 20);
  EXPECT_THAT(html, HasSubstr("<svg"));
  for (const char* elsewhere : {"http", "<script", "src=", "@import", "url("})
    EXPECT_THAT(html, Not(HasSubstr(elsewhere)));

  const Outcome drawn = run({.arguments = small({"generate", "-p", "1girl", "--precision", "f16-naive",
                                                 "--precision-policy", policy, "--guard", "strict", "-o", "a.png"}),
                             .folder = folder.path()});
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
}

// A table 2^120 as large: the squares of its rows are beyond f32, too, so that no norm has a sum.
fs::path endless_encoder(const TemporaryFolder& folder) {
  const fs::path out = folder / "encoder";
  fs::copy(avatar() / "text_encoder", out);
  const SafetensorsFile file(avatar() / "text_encoder" / "model.safetensors");
  std::vector<float> table;
  std::vector<NamedTensor> tensors;
  for (const SafetensorsEntry& e : file.entries()) {
    const TensorSpec spec = file.spec(e);
    tensors.push_back({e.name, {spec, file.bytes(e).data()}});
    if (!e.name.ends_with("embed_tokens.weight")) continue;
    table.resize(spec.shape.elements());
    convert(spec.dtype, file.bytes(e).data(), DType::F32, reinterpret_cast<std::byte*>(table.data()), table.size());
    for (float& w : table) w *= 0x1p120f;
    tensors.back() = {e.name, {{spec.shape, DType::F32}, reinterpret_cast<const std::byte*>(table.data())}};
  }
  fs::remove(out / "model.safetensors");
  write_safetensors(out / "model.safetensors", tensors, file.metadata());
  return out;
}

TEST(Overflow, ACureThatDoesNotWorkLeavesNoFile) {
  const TemporaryFolder folder;
  const std::string policy = (folder / "policy.toml").string(), model = endless_encoder(folder).string();
  const std::vector<std::string> words{"--part", "text_encoder", "-m",  model,    "-p",
                                       "1girl",  "--precision",  "f16", "--cure", policy};
  std::vector<std::string> with_json = words;
  with_json.emplace_back("--json");
  const Outcome told = overflow(words), json = overflow(with_json);
  EXPECT_EQ(told.exit_code, json.exit_code);
  EXPECT_NE(told.exit_code, 0);
  EXPECT_FALSE(fs::exists(policy));
  EXPECT_THAT(told.out, HasSubstr("is still out of range, so nothing is written"));
  EXPECT_THAT(told.err, HasSubstr("no policy was found that keeps"));
  const Json one = Json::parse(json.out);  // nothing behind it
  EXPECT_EQ(one["cure"]["works"], false);
  EXPECT_THAT(one["error"]["message"], HasSubstr("no policy was found that keeps"));
  EXPECT_FALSE(one["beyond"].empty());
}

TEST(Overflow, ManyPromptsAndOneEncoder) {
  const TemporaryFolder folder;
  const std::string list = (folder / "list.jsonl").string();
  write_file_atomically(list, std::string_view("{\"prompt\": \"1girl\"}\n{\"prompt\": \"1boy, hat\"}\n"));
  const Outcome o = overflow({"--part", "text_encoder", "--prompts", list, "--json", "--sums"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json json = Json::parse(o.out);
  EXPECT_EQ(json["prompts"].size(), 2U);
  EXPECT_EQ(json["result"], "features");
  for (const Json& value : json["values"]) EXPECT_THAT(value["name"], testing::StartsWith("text_encoder."));
  bool has_sums = false;
  for (const Json& inside : json["inside"]) has_sums = has_sums || inside["kind"] == "sum of |a||b|";
  EXPECT_TRUE(has_sums);

  const Outcome ids = overflow({"--part", "clip_model", "--ids", "0,5,6,2", "--json"});
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_EQ(Json::parse(ids.out)["prompts"][0], "4 token ids");
}

TEST(Overflow, RescalesInAPolicyFileAreChecked) {
  const TemporaryFolder folder;
  const std::string policy = (folder / "policy.toml").string();
  const auto tell = [&](std::string_view text) {
    write_file_atomically(policy, text);
    return run({"precision", "--precision-policy", policy, "--explain", "layers.1.feed_forward.w2"});
  };
  const Outcome good = tell("[[rescale]]\npath = \"layers.*.feed_forward.w2\"\nlog2 = -3\n");
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("times 2^-3"));
  for (const auto& [text, words] : std::map<std::string, std::string>{
           {"[[rescale]]\npath = \"a\"\n", "rescale 1: expected both path and log2"},
           {"[[rescale]]\nlog2 = 3\n", "expected both path and log2"},
           {"[[rescale]]\npath = \"a\"\nlog2 = 41\n", ":3: log2: expected a whole number from -40 to 40"},
           {"[[rescale]]\npath = \"a\"\nlog2 = 0\n", "and not 0"},
           {"[[rescale]]\npath = \"a\"\nlog2 = 0.5\n", "a whole number"},
           {"[[rescale]]\npath = \"\"\nlog2 = 1\n", ":2: path: expected a path or a glob"},
           {"[[rescale]]\npath = \"a\"\nscale = 2\n", ":3: unknown key 'scale'"},
           {"rescale = 2\n", ":1: rescale: expected [[rescale]] tables"},
           {"[[rescale]]\npath = \"layers.1\"\nlog2 = -1\n", "has no weights to put a power of two into"}}) {
    const Outcome bad = tell(text);
    EXPECT_NE(bad.exit_code, 0) << text;
    EXPECT_THAT(bad.err, HasSubstr(words)) << text;
  }
}

TEST(Overflow, WhatMakesNoSenseIsRefused) {
  EXPECT_THAT(overflow({"--ids", "1,2"}).err, HasSubstr("--ids: only with --part"));
  EXPECT_THAT(overflow({"--part", "text_encoder", "--ids", "1,999999"}).err, HasSubstr("the embedding has"));
  EXPECT_THAT(overflow({"--part", "unet"}).err, HasSubstr("unknown value 'unet'"));
}

}  // namespace
}  // namespace newbie::e2e
