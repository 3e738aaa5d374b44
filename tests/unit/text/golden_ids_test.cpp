// Ids against HuggingFace's tokenizers (tests/golden/data): every case, every form of the files.
#include <gtest/gtest.h>

#include <random>

#include "unit/text/model_files.h"

namespace newbie::testing {
namespace {

using Ids = std::vector<int32_t>;

std::vector<std::string> golden_texts() {
  std::vector<std::string> out;
  for (const char* name : {"tokenizers/gemma3_ids.json", "tokenizers/xlmr_synth_ids.json"}) {
    const Json file = golden(name);
    for (const Json& entry : file.at("cases")) out.push_back(entry.at("text"));
  }
  const Json cases = golden("text.json");
  for (const Json& entry : cases) out.push_back(entry.at("gemma_text"));
  return out;
}

// Words of the goldens, special tokens, white space, combining marks and arbitrary characters, in any order.
std::vector<std::string> random_mixtures(size_t count) {
  std::vector<std::string> parts = {"<s>",
                                    "</s>",
                                    "<mask>",
                                    "<pad>",
                                    "<unk>",
                                    "<bos>",
                                    "<eos>",
                                    "<start_of_turn>",
                                    "<i>",
                                    "</i>",
                                    "<character_1>",
                                    "<unused1>",
                                    "<0x41>",
                                    "<mas",
                                    "\uFF1Cmask\uFF1E",
                                    "\u2581",
                                    "\u2581\u2581",
                                    " ",
                                    "  ",
                                    "   ",
                                    "\t",
                                    "\n",
                                    "\n\n\n",
                                    "\r\n",
                                    "\u3000",
                                    "\u00A0",
                                    "\u0085",
                                    "\u200B",
                                    "\uFEFF",
                                    std::string(1, '\0'),
                                    "\x1b",
                                    std::string(40, ' '),
                                    std::string(40, '\n'),
                                    "e\u0301",
                                    "e\u0302\u0301",
                                    "\uFF21\u0301",
                                    "\u304B\u3099",
                                    "\u00AA\u0301",
                                    "\u2122\uFE0F",
                                    "\u00A9\u200D",
                                    "\u1100\u1161",
                                    "\u0915\u093C",
                                    "\u0958",
                                    "\uFDFA",
                                    "\uFB01"};
  for (const std::string& text : golden_texts()) {
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find(' ', begin), text.size());
      if (end - begin < 40) parts.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  std::mt19937 random(20240);
  std::vector<std::string> out(count);
  for (std::string& text : out) {
    for (size_t n = random() % 12; n > 0; --n) {
      text += parts[random() % parts.size()];
      if (random() % 2) text += ' ';
    }
  }
  return out;
}

TEST(GoldenIds, AvatarGemmaInBothForms) {
  for (const Form& form : gemma_forms()) {
    for (const Json& entry : golden("text.json")) {
      EXPECT_EQ(form.ids(entry.at("gemma_text").get<std::string>()), entry.at("gemma_ids").get<Ids>())
          << form.name << " " << entry.at("name");
    }
  }
}

TEST(GoldenIds, AvatarJinaInBothForms) {
  for (const Form& form : jina_forms()) {
    for (const Json& entry : golden("text.json")) {
      EXPECT_EQ(form.ids(entry.at("jina_text").get<std::string>()), entry.at("jina_ids").get<Ids>())
          << form.name << " " << entry.at("name");
    }
  }
}

TEST(GoldenIds, XlmRobertaShapedTokenizer) {
  const Json file = golden("tokenizers/xlmr_synth_ids.json");
  ASSERT_EQ(file.at("cases").size(), 30u);
  for (const Json& entry : file.at("cases")) {
    EXPECT_EQ(synthetic_jina().ids(entry.at("text").get<std::string>()), entry.at("ids").get<Ids>()) << entry.at("id");
  }
}

TEST(GoldenIds, BothFormsOfAFileAgree) {
  std::vector<std::string> texts = golden_texts();
  for (std::string& text : random_mixtures(3000)) texts.push_back(std::move(text));
  for (const std::vector<Form>* forms : {&gemma_forms(), &jina_forms()}) {
    for (const std::string& text : texts) {
      ASSERT_EQ(forms->at(0).ids(text), forms->at(1).ids(text)) << Json(text).dump(-1, ' ', true);
    }
  }
}

TEST(GoldenIds, Gemma3) {
  SKIP_WITHOUT_GEMMA3();
  EXPECT_EQ(real_gemma3()->vocabulary_size(), 262145);
  const Json file = golden("tokenizers/gemma3_ids.json");
  ASSERT_EQ(file.at("cases").size(), 30u);
  for (const Json& entry : file.at("cases")) {
    EXPECT_EQ(real_gemma3()->encode(entry.at("text").get<std::string>(), kNoLimit).ids, entry.at("ids").get<Ids>())
        << entry.at("id");
  }
}

TEST(GoldenIds, Gemma3BatchesAreCutAt512) {
  SKIP_WITHOUT_GEMMA3();
  const Json file = golden("tokenizers/gemma3_batches.json");
  size_t cut = 0;
  for (const Json& batch : file.at("batches")) {
    for (size_t row = 0; row < batch.at("texts").size(); ++row) {
      Ids expected;  // without the padding
      for (size_t i = 0; i < batch.at("input_ids")[row].size(); ++i) {
        if (batch.at("attention_mask")[row][i] == 1) expected.push_back(batch.at("input_ids")[row][i]);
      }
      const TokenizedText got = real_gemma3()->encode(batch.at("texts")[row].get<std::string>(), 512);
      EXPECT_EQ(got.ids, expected);
      if (got.lost_tokens > 0) ++cut;
      EXPECT_EQ(got.lost_tokens > 0, !got.lost_text.empty());
    }
  }
  EXPECT_GT(cut, 0u);
}

// spec/gemma3.md §6.5 on the real vocabulary.
TEST(GoldenIds, Gemma3RoundTripList) {
  SKIP_WITHOUT_GEMMA3();
  const auto ids = [](std::string_view text) { return real_gemma3()->encode(text, kNoLimit).ids; };
  EXPECT_EQ(ids(""), (Ids{2}));
  EXPECT_EQ(ids("a b"), (Ids{2, 236746, 518}));
  EXPECT_EQ(ids("a  b"), (Ids{2, 236746, 138, 236763}));
  EXPECT_EQ(ids(" a"), (Ids{2, 496}));
  EXPECT_EQ(ids("\n\n"), (Ids{2, 108}));
  EXPECT_EQ(ids("<i>x</i>"), (Ids{2, 201, 236781, 210}));
  EXPECT_EQ(ids("\U0001F469\u200D\U0001F467"), (Ids{2, 243767, 237243, 244814}));
  EXPECT_EQ(ids("\U0002A6B2"), (Ids{2, 478, 408, 392, 416}));  // bytes
  EXPECT_EQ(ids("2024"), (Ids{2, 236778, 236771, 236778, 236812}));
  EXPECT_EQ(ids(std::string_view("\0", 1)), (Ids{2, 238}));
  EXPECT_EQ(ids("\x1b[0m"), (Ids{2, 27648, 236771, 236757}));
}

}  // namespace
}  // namespace newbie::testing
