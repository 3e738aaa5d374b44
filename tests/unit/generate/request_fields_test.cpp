// The table of a request's fields: whole, unique, and true to the struct.
#include "generate/request_fields.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "diffusion/registry.h"
#include "generate/request_json.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Image picture(uint8_t grey) {
  return {.width = 2, .height = 1, .channels = 3, .pixels = std::vector<uint8_t>(6, grey)};
}

// A value the row lets through. Reals have bits that decimals cannot tell.
OrderedJson random_value(const RequestField& field, std::mt19937_64& random) {
  const auto real = [&] {
    const double share = std::uniform_real_distribution<double>(0.01, 1)(random);
    return field.least + (field.most - field.least) * share;
  };
  const auto word = [&](const auto& words) { return std::string(words[random() % words.size()]); };
  switch (field.kind) {
    case FieldKind::Text:
      return field.words_only ? word(field.words) : word(std::array<std::string, 3>{"", "青い髪, \"smile\"\n", "-"});
    case FieldKind::Truth: return random() % 2 == 0;
    case FieldKind::Integer: return static_cast<int64_t>(real()) / field.multiple * field.multiple + field.multiple;
    case FieldKind::Seed: return random();
    case FieldKind::Real: return real();
    case FieldKind::Reals: return OrderedJson::array({real(), real(), 0.0});
    case FieldKind::Choice: return word(field.words);
    case FieldKind::Picture: return nullptr;
    case FieldKind::Adapters:
      return OrderedJson::array(
          {{{"name", "C:\\a.safetensors"}, {"strength", real()}}, {{"name", "b:1"}, {"strength", 1.0}}});
  }
  return nullptr;
}

TEST(RequestFields, NamesAndFlagsAreUniqueAndRowsAreWhole) {
  std::set<std::string_view> names, flags;
  std::set<char> letters;
  for (const RequestField& field : request_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    for (const std::string_view other : field.other_names) EXPECT_TRUE(names.insert(other).second) << other;
    EXPECT_TRUE(flags.insert(field.flag).second) << field.flag;
    EXPECT_TRUE(field.letter == 0 || letters.insert(field.letter).second) << field.letter;
    EXPECT_EQ(field.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), field.name.npos) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
    EXPECT_EQ(field.help.find("--"), std::string::npos) << field.name << ": words of a command line";
    for (const std::string_view other : field.instead_of) EXPECT_NE(find_request_field(other), nullptr);
    const bool has_range = field.kind == FieldKind::Integer || field.kind == FieldKind::Real ||
                           field.kind == FieldKind::Reals || field.kind == FieldKind::Adapters;
    EXPECT_EQ(field.most > field.least, has_range) << field.name;
    EXPECT_TRUE(field.recorded != Recorded::IfUsed || field.unused != nullptr) << field.name;
    EXPECT_EQ(field.picture != nullptr, field.kind == FieldKind::Picture) << field.name;
    EXPECT_NO_THROW(check_value(field, field.get(GenerateRequest()))) << field.name;
    EXPECT_TRUE(is_default(field, GenerateRequest())) << field.name;
  }
}

// One sampler, one name: pictures say the same whichever was given.
TEST(RequestFields, AnotherNameOfASamplerBecomesItsOwn) {
  for (const Sampler* sampler : samplers()) {
    if (sampler->alias.empty()) continue;
    GenerateRequest r;
    set_field(request_field("sampler"), r, sampler->alias);
    EXPECT_EQ(r.sampler, sampler->name);
    EXPECT_EQ(request_from_json({{"sampler", sampler->alias}}, {}).sampler, sampler->name);
  }
}

// The names of this list are the members in their order: a new one does not compile before it is here, and below.
TEST(RequestFields, EveryMemberIsWrittenUnderItsName) {
  GenerateRequest r;
  auto& [prompt, negative_prompt, system_prompt, routing, weights, max_gemma_tokens, max_jina_tokens, width, height,
         seed, batch, batch_noise, sampler, schedule, steps, sigmas, tolerance, shift, eta, cfg, cfg_trunc, cfg_hold,
         renorm_cfg, rescale_cfg, adapters, merge_adapters, cache, init_image, init_fit, strength, strength_rule, mask,
         mask_invert, mask_blur, only_masked, mask_padding, keep_alpha, hires_scale, hires_strength, hires_steps,
         vae_tile, preview_every, preview_method] = r;
  prompt = "1girl", negative_prompt = "blurry", system_prompt = "none", routing = Routing::ComfyUi, weights = true;
  max_gemma_tokens = 7, max_jina_tokens = 8, width = 32, height = 48, seed = 18446744073709551615u, batch = 3;
  batch_noise = BatchNoise::Slices, sampler = "euler_a", schedule = "beta", steps = 9, sigmas = {1, 0.5}, shift = 2;
  tolerance = 0.25, eta = 0.25, cfg = 5, cfg_trunc = 0.5, cfg_hold = 0.125, renorm_cfg = 1.5, rescale_cfg = 0.75,
  adapters = {{"a", 0.5, {{"layers.0", 2}}, "ab"}};
  merge_adapters = true;
  cache = {CacheMode::Linear, 0.125}, init_image = picture(1), strength = 0.5, strength_rule = StrengthRule::ComfyUi;
  mask = picture(2), hires_scale = 1.25, hires_strength = 0.375, hires_steps = 4, vae_tile = 96, preview_every = 5;
  preview_method = PreviewMethod::Decode, mask_invert = true, mask_blur = 4, only_masked = true, mask_padding = 8;
  keep_alpha = true, init_fit = InitFit::Stretch;

  const auto grey = [](const RequestField&, const Image& image) { return std::to_string(image.pixels[0]); };
  const OrderedJson json = request_to_json(r, grey);
  const OrderedJson expected = parse_ordered_json(R"({
    "prompt": "1girl", "negative_prompt": "blurry", "system_prompt": "none", "weights": true, "routing": "comfyui",
    "max_gemma_tokens": 7, "max_jina_tokens": 8, "width": 32, "height": 48, "seed": 18446744073709551615, "batch": 3,
    "batch_noise": "slices", "vae_tiling": 96, "preview_every": 5, "preview_method": "decode", "init_image": "1",
    "init_fit": "stretch", "strength": 0.5, "strength_rule": "comfyui", "mask": "2", "mask_invert": true, "mask_blur": 4.0, "only_masked": true,
    "mask_padding": 8, "keep_alpha": true, "hires_scale": 1.25, "hires_strength": 0.375,
    "hires_steps": 4, "sampler": "euler_a", "schedule": "beta", "steps": 9, "sigmas": [1.0, 0.5], "quality": "manual", "tolerance": 0.25, "shift": 2.0,
    "eta": 0.25, "cfg": 5.0, "cfg_trunc": 0.5, "cfg_hold": 0.125, "renorm_cfg": 1.5, "rescale_cfg": 0.75,
    "loras": [{"name": "a", "strength": 0.5, "blocks": {"layers.0": 2.0}, "sha256": "ab"}], "merge_loras": true, "cache": "linear", "cache_threshold": 0.125})",
                                                  "expected");
  EXPECT_EQ(Json(json), Json(expected));

  const auto read = [](const RequestField&, const std::string& text) {
    return picture(static_cast<uint8_t>(text[0] - '0'));
  };
  const GenerateRequest back = request_from_json(json, {}, read);
  EXPECT_EQ(request_to_json(back, grey), json);
  EXPECT_EQ(back.mask->pixels, r.mask->pixels);
  EXPECT_EQ(back.cache.threshold, 0.125);
  EXPECT_EQ(back.adapters.front().name, "a");
}

TEST(RequestFields, RandomRequestsSurviveJsonAndWords) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 200; ++round) {
    GenerateRequest request;
    for (const RequestField& field : request_fields()) {
      if (field.kind == FieldKind::Picture || random() % 3 == 0) continue;
      const OrderedJson value = random_value(field, random);
      set_field(field, request, value);
      EXPECT_EQ(field.get(request), value) << field.name;
      const std::vector<std::string> words = words_of_value(field, value);
      OrderedJson again = OrderedJson::array();
      for (const std::string& one : words) {
        const OrderedJson part = value_of_words(field, one);
        if (field.kind == FieldKind::Adapters)
          again.push_back(part.at(0));
        else
          again = part;
      }
      EXPECT_EQ(again, value) << field.name << ": " << words.front();
    }
    const OrderedJson json = request_to_json(request);
    const OrderedJson read_again = parse_ordered_json(json.dump(), "dumped");
    EXPECT_EQ(request_to_json(request_from_json(read_again)), json);
  }
}

TEST(RequestFields, RangesEndWhereTheRowSays) {
  for (const RequestField& field : request_fields()) {
    if (field.kind != FieldKind::Integer && field.kind != FieldKind::Real) continue;
    const bool whole = field.kind == FieldKind::Integer;
    const auto value = [&](double number) {
      return whole ? OrderedJson(static_cast<int64_t>(number)) : OrderedJson(number);
    };
    const double least = field.above ? std::nextafter(field.least, field.most) : field.least;
    EXPECT_NO_THROW(check_value(field, value(least))) << field.name;
    EXPECT_NO_THROW(check_value(field, value(field.most))) << field.name;
    for (const double outside : {field.least - 1, field.most + 1, 9e18})
      if (value(outside) != field.get(GenerateRequest()))
        EXPECT_ERROR(check_value(field, value(outside)), ErrorKind::InvalidRequest,
                     std::string(field.name) + ": expected");
    for (const OrderedJson& other : {OrderedJson("7"), OrderedJson(true), OrderedJson(OrderedJson::array({7})),
                                     OrderedJson(std::numeric_limits<double>::quiet_NaN())})
      EXPECT_ERROR(check_value(field, other), ErrorKind::InvalidRequest, std::string(field.name) + ": expected");
    if (whole) EXPECT_ERROR(check_value(field, 20.5), ErrorKind::InvalidRequest, "whole number");
    if (field.above && value(field.least) != field.get(GenerateRequest()))
      EXPECT_ERROR(check_value(field, value(field.least)), ErrorKind::InvalidRequest, "above");
  }
}

std::string error_of(const std::string& json, std::string* field = nullptr) {
  try {
    request_from_json(parse_ordered_json(json, "test"));
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::InvalidRequest);
    if (field != nullptr) *field = e.field();
    return e.message() + " | " + e.hint();
  }
  return "read";
}

TEST(RequestJson, ErrorsNameTheField) {
  std::string field;
  EXPECT_THAT(error_of(R"({"stesp": 3})", &field), HasSubstr("did you mean `steps`?"));
  EXPECT_EQ(field, "stesp");
  EXPECT_THAT(error_of(R"({"steps": "3"})", &field),
              HasSubstr("steps: expected a whole number, 1 to 10000, got \"3\""));
  EXPECT_EQ(field, "steps");
  EXPECT_THAT(error_of(R"({"width": 8})"), HasSubstr("16 to 16384, or 0 (the model's own), got 8"));
  EXPECT_THAT(error_of(R"({"strength": 0})"), HasSubstr("above 0 to 1"));
  EXPECT_THAT(error_of(R"({"routing": "both"})"), HasSubstr("possible: official, comfyui"));
  EXPECT_THAT(error_of(R"({"sampler": "best"})"), HasSubstr("res_multistep"));
  EXPECT_THAT(error_of(R"({"seed": -2})"), HasSubstr("18446744073709551615"));
  EXPECT_THAT(error_of(R"({"seed": 1.5})"), HasSubstr("seed: expected"));
  EXPECT_THAT(error_of(R"({"sigmas": [1, "0"]})"), HasSubstr("sigmas: expected a list"));
  EXPECT_THAT(error_of(R"({"loras": [{"nam": "a"}]})"), HasSubstr("loras: expected adapters"));
  EXPECT_THAT(error_of(R"({"cfg": 3, "cfg_scale": 4})"), HasSubstr("said twice"));
  EXPECT_THAT(error_of("[1]"), HasSubstr("expected an object"));
}

TEST(RequestJson, StandsOnABase) {
  GenerateRequest base;
  base.sigmas = {1, 0};
  base.cfg = 2;
  const GenerateRequest out = request_from_json(parse_ordered_json(R"({"steps": 5, "negative": "x"})", "t"), base);
  EXPECT_EQ(out.steps, 5);
  EXPECT_EQ(out.cfg, 2);
  EXPECT_EQ(out.negative_prompt, "x");
  EXPECT_TRUE(out.sigmas.empty()) << "steps take back levels by hand";
  EXPECT_EQ(request_from_json(parse_ordered_json(R"({"cfg": null})", "t"), base).cfg, GenerateRequest().cfg);
  EXPECT_EQ(request_from_json(parse_ordered_json(R"({"steps": 5, "sigmas": [1, 0.5]})", "t")).sigmas,
            (std::vector<double>{1, 0.5}));
  const auto seed = [] { return request_from_json(parse_ordered_json(R"({"seed": -1})", "t")).seed; };
  EXPECT_TRUE(seed() != seed() || seed() != seed()) << "-1 is random";
}

TEST(RequestJson, PicturesAreTheDoorsBusiness) {
  const OrderedJson json{{"init_image", "a.png"}};
  EXPECT_ERROR(request_from_json(json), ErrorKind::Unsupported, "init_image");
  GenerateRequest r = request_from_json(json, {}, [](const RequestField& field, const std::string& text) {
    EXPECT_EQ(field.name, "init_image");
    EXPECT_EQ(text, "a.png");
    return picture(9);
  });
  EXPECT_EQ(r.init_image->pixels[0], 9);
  EXPECT_ERROR(request_to_json(r), ErrorKind::Unsupported, "init_image");
  r = request_from_json(OrderedJson{{"init_image", nullptr}}, std::move(r));
  EXPECT_FALSE(r.init_image);
}

TEST(RequestFields, WhatChangesNothingIsTold) {
  GenerateRequest r;
  EXPECT_THAT(unused_fields(r), ElementsAre());
  r.cfg = 1;
  r.negative_prompt = "blurry";
  r.eta = 0.5;
  r.hires_strength = 0.25;
  r.strength_rule = StrengthRule::ComfyUi;
  r.schedule = "linear_quadratic";
  r.shift = 3;
  EXPECT_THAT(unused_fields(r),
              ElementsAre(HasSubstr("`negative_prompt` does nothing with `cfg` 1"),
                          HasSubstr("`strength_rule` does nothing without `init_image` or `hires_scale`"),
                          HasSubstr("`hires_strength`"), HasSubstr("`shift` does nothing with `schedule`"),
                          HasSubstr("`eta` does nothing with `sampler` res_multistep")));
  r.hires_scale = 2;
  r.sampler = "euler_a";
  EXPECT_EQ(unused_fields(r).size(), 2u);
}

TEST(RequestFields, StrengthsOfAdaptersAreWords) {
  const RequestField& field = request_field("loras");
  const auto words = [&](const char* text) { return value_of_words(field, text)[0].dump(); };
  EXPECT_EQ(words("a.safetensors"), R"({"name":"a.safetensors"})");
  EXPECT_EQ(words("C:a"), R"({"name":"C:a"})");
  EXPECT_EQ(words("a:0.5"), R"({"name":"a","strength":0.5})");
  EXPECT_EQ(words("a:-1,layers.0=0.25,*.qkv=0"),
            R"({"name":"a","strength":-1.0,"blocks":{"layers.0":0.25,"*.qkv":0.0}})");
  EXPECT_EQ(words("a:layers.0=2"), R"({"name":"a","blocks":{"layers.0":2.0}})");
  EXPECT_EQ(words("a:0.5,1"), R"({"name":"a:0.5,1"})");
  EXPECT_EQ(words_of_value(field, value_of_words(field, "a:0.5,layers.0=2")),
            std::vector<std::string>{"a:0.5,layers.0=2"});
}

TEST(RequestFields, DescribesItself) {
  const OrderedJson all = describe_request_fields();
  ASSERT_EQ(all.size(), request_fields().size());
  for (const OrderedJson& row : all)
    if (row["name"] == "steps") {
      EXPECT_EQ(row["kind"], "integer");
      EXPECT_EQ(row["default"], 28);
      EXPECT_EQ(row["least"], 1);
      EXPECT_EQ(row["most"], 10000);
    }
}

}  // namespace
}  // namespace newbie
