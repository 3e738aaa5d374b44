#include <gtest/gtest.h>

#include "core/error.h"
#include "text/sentencepiece_model.h"
#include "unit/core/expect_error.h"
#include "unit/text/model_files.h"

namespace newbie::testing {
namespace {

using Ids = std::vector<int32_t>;

class XlmRobertaTokenizer : public ::testing::TestWithParam<size_t> {
 protected:
  const Form& form() const { return jina_forms().at(GetParam()); }
  Ids ids(std::string_view text) const { return form().ids(text); }
};

INSTANTIATE_TEST_SUITE_P(Forms, XlmRobertaTokenizer, ::testing::Values(0u, 1u),
                         [](const auto& form) { return form.param == 0 ? "Json" : "SentencePiece"; });

TEST_P(XlmRobertaTokenizer, WhiteSpaceIsTrimmedAndCollapsed) {
  EXPECT_EQ(form().tokenizer->vocabulary_size(), 496);
  EXPECT_EQ(ids(""), (Ids{0, 2}));
  EXPECT_EQ(ids("\n"), (Ids{0, 2}));
  for (const char* text : {"a b", "a  b", " a b ", "a\n\tb", "a\u3000b"}) EXPECT_EQ(ids(text), (Ids{0, 12, 209, 2}));
  EXPECT_EQ(ids("\x1b"), (Ids{0, 2}));
  EXPECT_EQ(ids(std::string_view("\0", 1)), (Ids{0, 5, 3, 2}));
}

TEST_P(XlmRobertaTokenizer, UnknownCharactersOfOneWordAreOneToken) {
  EXPECT_EQ(ids("\u6F22\u5B57"), (Ids{0, 5, 3, 2}));
  EXPECT_EQ(ids("\u6F22 \u5B57"), (Ids{0, 5, 3, 5, 3, 2}));
}

// SentencePiece's library spells all of these out.
TEST_P(XlmRobertaTokenizer, SpecialTokensInTheTextAreSpecial) {
  EXPECT_EQ(ids("<s> a </s>"), (Ids{0, 0, 12, 2, 2}));
  EXPECT_EQ(ids("a <mask> b"), (Ids{0, 12, 495, 209, 2}));
  EXPECT_EQ(ids("<pad><unk>"), (Ids{0, 1, 3, 2}));
  EXPECT_EQ(ids("\uFF1Cmask\uFF1E"), (Ids{0, 495, 2}));  // searched behind the normaliser in this file
}

// Where SentencePiece's longest match would give other ids: see precompiled_charsmap.h.
TEST_P(XlmRobertaTokenizer, NormalisesAsHuggingFaceDoes) {
  EXPECT_EQ(ids("\uFF53\uFF4D\uFF49\uFF4C\uFF45"), (Ids{0, 34, 2}));
  EXPECT_EQ(ids("\uFB01"), (Ids{0, 5, 386, 245, 2}));
  EXPECT_EQ(ids("\u00AA\u0301b"), (Ids{0, 12, 485, 2}));  // the accent goes away with its short cluster
  EXPECT_EQ(ids("a\u0085"), (Ids{0, 12, 2}));
  const Form& synthetic = synthetic_jina();
  EXPECT_EQ(synthetic.ids("\u304B\u3099"), (Ids{0, 5, 1385, 3, 2}));   // not composed: six bytes
  EXPECT_EQ(synthetic.ids("e\u0302\u0301"), (Ids{0, 5, 816, 2}));      // the shortest match stands for all
  EXPECT_EQ(synthetic.ids("\uFF1Cmask\uFF1E"), (Ids{0, 5, 8001, 2}));  // a piece of the vocabulary, not a special
}

TEST_P(XlmRobertaTokenizer, ALimitKeepsTheEndToken) {
  const std::string text = "a smile,  \uFF42\u00B2 b";
  const Ids all = ids(text);
  const size_t pieces = all.size() - 2;
  for (size_t limit = 2; limit <= all.size(); ++limit) {
    const TokenizedText got = form().tokenizer->encode(text, limit);
    ASSERT_EQ(got.ids.size(), limit);
    EXPECT_EQ(got.ids.front(), 0);
    EXPECT_EQ(got.ids.back(), 2);
    EXPECT_TRUE(std::equal(got.ids.begin(), got.ids.end() - 1, all.begin()));
    EXPECT_EQ(got.lost_tokens, pieces - (limit - 2));
    EXPECT_TRUE(text.ends_with(got.lost_text));
  }
  EXPECT_EQ(form().tokenizer->encode(text, 2).lost_text, text);
  EXPECT_EQ(form().tokenizer->encode(text, 3).lost_text, " smile,  \uFF42\u00B2 b");
  EXPECT_ERROR(form().tokenizer->encode(text, 1), ErrorKind::InvalidRequest, "too small");
  EXPECT_ERROR(form().tokenizer->encode("ab\x80", 9), ErrorKind::InvalidRequest, "offset 2");
}

TEST_P(XlmRobertaTokenizer, AMegabyteIsNoTrouble) {
  const size_t n = size_t{1} << 20;
  EXPECT_GT(ids(std::string(n, 'e')).size(), n / 32);
  EXPECT_EQ(ids(std::string(n, ' ')), (Ids{0, 2}));
  std::string masks, accents = "e";
  while (masks.size() < n) masks += "<mask>   ";
  while (accents.size() < n) accents += "\u0301";
  EXPECT_GT(ids(masks).size(), n / 16);
  EXPECT_LT(ids(accents).size(), 8u);
}

void append_varint(std::string& out, size_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
  out.push_back(static_cast<char>(value));
}

std::string message(char key, const std::string& content) {
  std::string out(1, key);
  append_varint(out, content.size());
  return out + content;
}

// ComfyUI's single files may hold the pieces in the model's own order.
TEST(XlmRobertaTokenizerFile, PiecesInTheModelsOrder) {
  const SentencePieceModel original = read_sentencepiece_model(bytes_of(jina_model()), "original");
  std::string bytes;
  const auto add = [&](const std::string& text, float score, char type) {
    std::string piece = message(0x0A, text) + '\x15';
    piece.append(reinterpret_cast<const char*>(&score), sizeof score);
    bytes += message(0x0A, piece + '\x18' + type);
  };
  add("<s>", 0, 3);
  add("<pad>", 0, 3);
  add("</s>", 0, 3);
  add("<unk>", 0, 2);
  for (size_t i = 3; i < original.pieces.size(); ++i) add(original.pieces[i].text, original.pieces[i].score, 1);
  bytes += message(0x12, "\x18\x01") + message(0x1A, message(0x12, original.charsmap));

  const auto tokenizer = xlm_roberta_tokenizer_from_sentencepiece(bytes_of(bytes), "repackaged");
  EXPECT_EQ(tokenizer->vocabulary_size(), 496);
  for (const Json& entry : golden("text.json")) {
    EXPECT_EQ(tokenizer->encode(entry.at("jina_text").get<std::string>(), kNoLimit).ids,
              entry.at("jina_ids").get<Ids>());
  }
  EXPECT_EQ(tokenizer->encode("<s> <mask>", kNoLimit).ids, (Ids{0, 0, 495, 2}));
}

TEST(XlmRobertaTokenizerFile, TellsWhatIsWrong) {
  const auto load = [](const auto& change) {
    Json root = parse_json(jina_json(), "tokenizer.json");
    change(root);
    xlm_roberta_tokenizer_from_json(root.dump(), "here");
  };
  EXPECT_ERROR(load([](Json& r) { r["model"]["type"] = "BPE"; }), ErrorKind::BadFile, "expected \"Unigram\"");
  EXPECT_ERROR(load([](Json& r) { r["model"]["unk_id"] = 496; }), ErrorKind::BadFile, "unknown token has id 496");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"][7] = 1; }), ErrorKind::BadFile, "piece 7");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"][7] = {"x", 1e300}; }), ErrorKind::BadFile, "score");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"][7] = r["model"]["vocab"][8]; }), ErrorKind::BadFile, "same text");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"] = Json::array(); }), ErrorKind::BadFile, "0 pieces");
  EXPECT_ERROR(load([](Json& r) { r["pre_tokenizer"]["prepend_scheme"] = "never"; }), ErrorKind::Unsupported,
               "pre_tokenizer");
  Json charsmap = {{"type", "Precompiled"}, {"precompiled_charsmap", "!!!!"}};
  EXPECT_ERROR(load([&](Json& r) { r["normalizer"] = charsmap; }), ErrorKind::BadFile, "base64");
  charsmap["precompiled_charsmap"] = "/////w==";
  EXPECT_ERROR(load([&](Json& r) { r["normalizer"] = charsmap; }), ErrorKind::BadFile, "claims a table of 4294967295");
  EXPECT_ERROR(xlm_roberta_tokenizer_from_sentencepiece(bytes_of(gemma_model()), "here"), ErrorKind::BadFile,
               "expected 1 (Unigram)");
}

}  // namespace
}  // namespace newbie::testing
