#include <gtest/gtest.h>

#include <unordered_map>

#include "core/error.h"
#include "text/merges_from_pieces.h"
#include "text/sentencepiece_model.h"
#include "unit/core/expect_error.h"
#include "unit/text/model_files.h"

namespace newbie::testing {
namespace {

using Ids = std::vector<int32_t>;

class GemmaTokenizer : public ::testing::TestWithParam<size_t> {
 protected:
  const Form& form() const { return gemma_forms().at(GetParam()); }
  Ids ids(std::string_view text) const { return form().ids(text); }
};

INSTANTIATE_TEST_SUITE_P(Forms, GemmaTokenizer, ::testing::Values(0u, 1u),
                         [](const auto& form) { return form.param == 0 ? "Json" : "SentencePiece"; });

// spec/gemma3.md §6.5; ids of HuggingFace tokenizers on the embedded model's vocabulary.
TEST_P(GemmaTokenizer, RoundTripList) {
  EXPECT_EQ(form().tokenizer->vocabulary_size(), 1536);
  EXPECT_EQ(ids(""), (Ids{2}));
  EXPECT_EQ(ids("a b"), (Ids{2, 1500, 348}));
  EXPECT_EQ(ids("a  b"), (Ids{2, 1500, 18, 1513}));
  EXPECT_EQ(ids(" a"), (Ids{2, 455}));
  EXPECT_EQ(ids("\n\n"), (Ids{2, 12}));
  EXPECT_EQ(ids("<i>x</i>"), (Ids{2, 74, 1527, 75}));
  EXPECT_EQ(ids("\U0001F469\u200D\U0001F467"), (Ids{2, 322, 241, 227, 251, 308, 210, 223, 322, 241, 227, 249}));
  EXPECT_EQ(ids("\U0002A6B2"), (Ids{2, 322, 252, 236, 260}));
  EXPECT_EQ(ids("2024"), (Ids{2, 1526, 130, 1526, 134}));
  EXPECT_EQ(ids("        "), (Ids{2, 23, 1497}));  // the longest run has seven
  EXPECT_EQ(ids("\t"), (Ids{2, 91}));
  EXPECT_EQ(ids(std::string_view("\0", 1)), (Ids{2, 82}));
  EXPECT_EQ(ids("\x1b[0m"), (Ids{2, 109, 173, 130, 1519}));
}

// SentencePiece's library spells `<bos>` out, and gives 19 and 20 (runs of three and four) for the last two.
TEST_P(GemmaTokenizer, FollowsHuggingFaceWhereSentencePieceDiffers) {
  EXPECT_EQ(ids("<bos>"), (Ids{2, 2}));
  EXPECT_EQ(ids(" \u2581\u2581"), (Ids{2, 1497, 18}));
  EXPECT_EQ(ids(" \u2581\u2581 "), (Ids{2, 1497, 18, 1497}));
}

TEST_P(GemmaTokenizer, ALimitCutsTheEndAndTellsWhatWasLost) {
  const std::string text = "<i>x</i> blue_hair,\nsmile";
  const Ids all = ids(text);
  for (size_t limit = 1; limit <= all.size() + 1; ++limit) {
    const TokenizedText got = form().tokenizer->encode(text, limit);
    const size_t kept = std::min(limit, all.size());
    EXPECT_EQ(got.ids, Ids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept)));
    EXPECT_EQ(got.lost_tokens, all.size() - kept);
    EXPECT_EQ(got.lost_text.empty(), kept == all.size());
    EXPECT_TRUE(text.ends_with(got.lost_text));
  }
  EXPECT_EQ(form().tokenizer->encode(text, 1).lost_text, text);
  EXPECT_EQ(form().tokenizer->encode(text, 3).lost_text, "</i> blue_hair,\nsmile");
  EXPECT_ERROR(form().tokenizer->encode(text, 0), ErrorKind::InvalidRequest, "too small");
}

TEST_P(GemmaTokenizer, ACutInsideACharacterLosesAllOfIt) {
  const TokenizedText got = form().tokenizer->encode("a\U0002A6B2b", 4);  // <bos>, a, two of four bytes
  EXPECT_EQ(got.lost_tokens, 3u);
  EXPECT_EQ(got.lost_text, "\U0002A6B2b");
}

TEST_P(GemmaTokenizer, IllFormedUtf8IsRefusedWithItsOffset) {
  EXPECT_ERROR(ids("ab\xff"), ErrorKind::InvalidRequest, "0xFF at offset 2");
  EXPECT_ERROR(ids("\xc3"), ErrorKind::InvalidRequest, "offset 0");
  EXPECT_ERROR(ids("x\xed\xa0\x80"), ErrorKind::InvalidRequest, "offset 1");  // a surrogate
}

// Seconds when the work is n log n, hours when it is quadratic.
TEST_P(GemmaTokenizer, AMegabyteIsNoTrouble) {
  const size_t n = size_t{1} << 20;
  EXPECT_GT(ids(std::string(n, 'a')).size(), n / 16);
  EXPECT_EQ(ids(std::string(n, ' ')).size(), 1 + (n + 6) / 7);
  std::string text;
  while (text.size() < n) text += "long_hair, <character_ \u2581<i> blue\u3042";
  EXPECT_GT(ids(text).size(), n / 16);
  std::string almost;
  while (almost.size() < n) almost += "<character_";
  EXPECT_GT(ids(almost).size(), n / 16);
}

TEST(MergesFromPieces, AreThoseOfTokenizerJson) {
  const SentencePieceModel model = read_sentencepiece_model(bytes_of(gemma_model()), "tokenizer.model");
  std::unordered_map<std::string_view, int32_t> ids;
  for (const auto& piece : model.pieces) ids.emplace(piece.text, static_cast<int32_t>(ids.size()));
  const std::vector<Bpe::Merge> merges = merges_from_pieces(model.pieces, ids);

  const Json root = parse_json(gemma_json(), "tokenizer.json");
  const Json& expected = root.at("model").at("merges");
  ASSERT_EQ(merges.size(), expected.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    EXPECT_EQ(model.pieces.at(static_cast<size_t>(merges[i].left)).text, expected[i][0]) << i;
    EXPECT_EQ(model.pieces.at(static_cast<size_t>(merges[i].right)).text, expected[i][1]) << i;
  }
}

TEST(GemmaTokenizerFile, OlderMergesAsOneString) {
  Json root = parse_json(gemma_json(), "tokenizer.json");
  for (Json& merge : root["model"]["merges"]) {
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  const auto tokenizer = gemma_tokenizer_from_json(root.dump(), "older");
  for (const Json& entry : golden("text.json")) {
    EXPECT_EQ(tokenizer->encode(entry.at("gemma_text").get<std::string>(), kNoLimit).ids,
              entry.at("gemma_ids").get<Ids>());
  }
}

TEST(GemmaTokenizerFile, TellsWhatIsWrong) {
  const auto load = [](const auto& change) {
    Json root = parse_json(gemma_json(), "tokenizer.json");
    change(root);
    gemma_tokenizer_from_json(root.dump(), "here");
  };
  EXPECT_ERROR(load([](Json& r) { r.erase("model"); }), ErrorKind::BadFile, "here: not a tokenizer.json: \"model\"");
  EXPECT_ERROR(load([](Json& r) { r["model"]["type"] = "Unigram"; }), ErrorKind::BadFile, "expected \"BPE\"");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"]["a"] = -1; }), ErrorKind::BadFile, "id");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"]["a"] = 1u << 30; }), ErrorKind::BadFile, "id");
  EXPECT_ERROR(load([](Json& r) { r["model"]["vocab"].erase("<0x41>"); }), ErrorKind::BadFile, "<0x41>");
  EXPECT_ERROR(load([](Json& r) { r["model"]["merges"][0] = {"zz", "q"}; }), ErrorKind::BadFile, "\"zz\"");
  EXPECT_ERROR(load([](Json& r) { r["model"]["merges"][0] = {"a"}; }), ErrorKind::BadFile, "no pair");
  EXPECT_ERROR(load([](Json& r) { r["model"]["ignore_merges"] = true; }), ErrorKind::Unsupported, "ignore_merges");
  EXPECT_ERROR(load([](Json& r) { r["model"]["byte_fallback"] = false; }), ErrorKind::Unsupported, "byte_fallback");
  EXPECT_ERROR(load([](Json& r) { r["normalizer"]["type"] = "NFKC"; }), ErrorKind::Unsupported, "normalizer");
  EXPECT_ERROR(load([](Json& r) { r["added_tokens"][0]["rstrip"] = true; }), ErrorKind::Unsupported, "added token");
  EXPECT_ERROR(load([](Json& r) { r["added_tokens"][1]["content"] = "<pad>"; }), ErrorKind::BadFile, "same text");
  EXPECT_ERROR(load([](Json& r) {
                 r["post_processor"]["single"].push_back({{"Sequence", {{"id", "A"}}}});
               }),
               ErrorKind::BadFile, "twice");
  EXPECT_ERROR(gemma_tokenizer_from_sentencepiece(bytes_of(jina_model()), "here"), ErrorKind::BadFile,
               "expected 2 (BPE)");
  EXPECT_ERROR(gemma_tokenizer_from_sentencepiece({}, "here"), ErrorKind::BadFile, "no pieces");
}

// What a GGUF file holds of a vocabulary, made a SentencePiece model again: the same ids.
TEST(SentencePieceOfGguf, GivesTheSameIds) {
  GgufVocabulary vocabulary;
  for (const SentencePieceModel::Piece& piece : read_sentencepiece_model(bytes_of(gemma_model()), "model").pieces) {
    if (piece.text == "<bos>") vocabulary.begin_id = static_cast<int32_t>(vocabulary.texts.size());
    if (piece.text == "<unk>") vocabulary.unknown_id = static_cast<int32_t>(vocabulary.texts.size());
    const bool is_added = piece.type != SentencePieceModel::PieceType::Normal &&
                          piece.type != SentencePieceModel::PieceType::Byte &&
                          piece.type != SentencePieceModel::PieceType::UserDefined;
    vocabulary.texts.push_back(piece.text);
    vocabulary.scores.push_back(is_added ? -1000 : piece.score);
    vocabulary.types.push_back(is_added ? 3 : static_cast<int32_t>(piece.type));  // as llama.cpp writes them
  }
  const std::string made = sentencepiece_of_gguf(std::move(vocabulary), "x.gguf");
  const auto tokenizer = gemma_tokenizer_from_sentencepiece(bytes_of(made), "made");
  const auto known = gemma_tokenizer_from_sentencepiece(bytes_of(gemma_model()), "model");
  for (const char* text : {"1girl, blue_hair", "  a\tb\n\n<start_of_turn>user <unk>", "青い髪 \U0001F469", ""})
    EXPECT_EQ(tokenizer->encode(text, 1000).ids, known->encode(text, 1000).ids) << text;
}

}  // namespace
}  // namespace newbie::testing
