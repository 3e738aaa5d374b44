// Gemma's tokenizer: added tokens are cut out of the raw text, spaces become U+2581, and the rest is one long BPE
// segment. No normalisation, no prefix, no word splitting; `<bos>` in front.
//
// SentencePiece itself (and so ComfyUI) differs from these ids in two ways, which few prompts meet; measured against
// the library on random mixtures, nothing else differs:
//  1. Control pieces written in a text (`<bos>`, `<eos>`, `<pad>`, `<unk>`) are single ids here, spelled out there.
//  2. User-defined pieces are searched here in the raw text, there after spaces have become U+2581: a literal U+2581
//     beside a space is two ids here, and one run of two there.
// In principle also where pieces of one score compete, or where a piece can be built only from parts that are no pieces
// (see merges_from_pieces.h).
//
// One id exists in tokenizer.json alone: `<image_soft_token>`, which is ordinary text when read from tokenizer.model.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/error.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/merges_from_pieces.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_limits.h"

namespace newbie {
namespace {

using IdMap = std::unordered_map<std::string_view, int32_t>;

class GemmaTokenizer final : public Tokenizer {
 public:
  GemmaTokenizer(AddedTokens added, Bpe bpe, SequenceTemplate frame, int32_t vocabulary_size)
      : added_(std::move(added)), bpe_(std::move(bpe)), frame_(std::move(frame)), vocabulary_size_(vocabulary_size) {}

  TokenizedText encode(std::string_view text, size_t max_tokens) const override {
    const std::vector<Character> characters = decode_prompt(text);
    std::vector<Token> tokens;
    std::vector<Character> marked;
    for (const AddedTokens::Segment& segment : added_.split(characters)) {
      if (segment.id) {
        tokens.push_back({*segment.id, segment.text.front().begin});
        continue;
      }
      marked.assign(segment.text.begin(), segment.text.end());
      for (Character& character : marked) {
        if (character.code_point == U' ') character.code_point = kSpaceMark;
      }
      bpe_.encode(marked, tokens);
    }
    return frame_tokens(text, tokens, frame_, max_tokens);
  }

  int32_t vocabulary_size() const override { return vocabulary_size_; }
  std::string name() const override { return "gemma"; }

 private:
  AddedTokens added_;
  Bpe bpe_;
  SequenceTemplate frame_;
  int32_t vocabulary_size_;
};

Bpe::Vocabulary bpe_vocabulary(const IdMap& ids, int32_t size, std::string_view where) {
  Bpe::Vocabulary out;
  out.size = size;
  for (const auto& [text, id] : ids) {
    if (text.size() > 4) continue;
    const std::optional<std::u32string> characters = to_code_points(text);
    if (characters && characters->size() == 1) out.characters.emplace(characters->front(), id);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string piece = fmt::format("<0x{:02X}>", byte);
    auto found = ids.find(piece);
    if (found == ids.end() && byte == '\t') found = ids.find("\t");  // transformers may rename this one
    if (found == ids.end()) fail(ErrorKind::BadFile, "{}: the vocabulary has no byte piece {}", where, piece);
    out.bytes[byte] = found->second;
  }
  return out;
}

std::vector<Bpe::Merge> read_merges(const Json& model, const IdMap& ids, std::string_view where) {
  const Json& list = require_array(require_member(model, "merges", where), "merges", where);
  std::vector<Bpe::Merge> out;
  out.reserve(list.size());
  const auto id_of = [&](std::string_view text) {
    const auto found = ids.find(text);
    if (found == ids.end()) {
      fail(ErrorKind::BadFile, "{}: merge {} names \"{}\", which is not in the vocabulary", where, out.size(), text);
    }
    return found->second;
  };
  std::string whole;
  for (const Json& entry : list) {
    std::string_view left, right;
    if (entry.is_string()) {  // older files: one string, halves separated by a space
      const std::string_view both = entry.get_ref<const std::string&>();
      const size_t space = both.find(' ');
      if (space == both.npos) fail(ErrorKind::BadFile, "{}: merge {} has one half only", where, out.size());
      left = both.substr(0, space);
      right = both.substr(space + 1);
    } else {
      if (!entry.is_array() || entry.size() != 2) {
        fail(ErrorKind::BadFile, "{}: merge {} is no pair", where, out.size());
      }
      left = require_string(entry[0], "a half of a merge", where);
      right = require_string(entry[1], "a half of a merge", where);
    }
    whole.assign(left).append(right);
    out.push_back({id_of(left), id_of(right), id_of(whole)});
  }
  return out;
}

void require_gemma_steps(const Json& root, const Json& model, std::string_view where) {
  const Json& normalizer = require_member(root, "normalizer", where);
  const Json expected = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  if (normalizer != expected) refuse_setting("normalizer", normalizer, where);
  if (const Json* splitter = find_setting(root, "pre_tokenizer")) {  // splitting on spaces: there are none by then
    const Json* type = find_setting(*splitter, "type");
    const Json* pattern = find_setting(*splitter, "pattern");
    if (!type || *type != "Split" || !pattern || *pattern != Json{{"String", " "}}) {
      refuse_setting("pre_tokenizer", *splitter, where);
    }
  }
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"}) {
    const Json* value = find_setting(model, key);
    if (value && *value != false && *value != "" && *value != 0) refuse_setting(key, *value, where);
  }
  const Json& byte_fallback = require_member(model, "byte_fallback", where);
  if (byte_fallback != true) refuse_setting("byte_fallback", byte_fallback, where);
}

// `begin` is the text of the token in front.
std::unique_ptr<Tokenizer> from_pieces(const std::vector<SentencePieceModel::Piece>& pieces, std::string_view begin,
                                       std::string_view where) {
  const auto size = static_cast<int32_t>(pieces.size());
  IdMap ids;
  ids.reserve(pieces.size() + 1);
  std::vector<AddedToken> added;
  for (int32_t id = 0; id < size; ++id) {
    const SentencePieceModel::Piece& piece = pieces[static_cast<size_t>(id)];
    if (!ids.emplace(piece.text, id).second) {
      fail(ErrorKind::BadFile, "{}: ids {} and {} have the same text", where, ids.at(piece.text), id);
    }
    if (piece.type == SentencePieceModel::PieceType::Unknown || piece.type == SentencePieceModel::PieceType::Control ||
        piece.type == SentencePieceModel::PieceType::UserDefined) {
      added.push_back({.content = require_piece(piece.text, where), .id = id});
    }
  }
  const auto bos = ids.find(begin);
  if (bos == ids.end()) fail(ErrorKind::BadFile, "{}: the vocabulary has no {}", where, begin);
  const SequenceTemplate frame{.before = {bos->second}, .after = {}};
  // Where there is no piece for it, a tab is its byte piece, and may merge like any other character.
  if (const auto tab = ids.find("<0x09>"); tab != ids.end()) ids.emplace("\t", tab->second);
  Bpe bpe(bpe_vocabulary(ids, size, where), merges_from_pieces(pieces, ids));
  return std::make_unique<GemmaTokenizer>(AddedTokens(added, where), std::move(bpe), frame, size);
}

// One token of a GGUF file as SentencePiece has it.
SentencePieceModel::Piece gguf_piece(GgufVocabulary& vocabulary, size_t id, std::string_view where) {
  constexpr int32_t kUserDefined = 4, kLastType = 6;
  const int32_t type = vocabulary.types[id];
  std::string text = std::move(vocabulary.texts[id]);
  if (type < 1 || type > kLastType || text.empty() || text.size() > kMaxPieceBytes || find_invalid_utf8(text) ||
      !std::isfinite(vocabulary.scores[id]))
    fail(ErrorKind::BadFile, "{}: token {}: expected UTF-8 of 1 to {} bytes, a finite score and a type of 1 to {}",
         where, id, kMaxPieceBytes, kLastType);
  if (type == kUserDefined)
    for (size_t at = text.find(' '); at != text.npos; at = text.find(' ', at)) text.replace(at, 1, "\u2581");
  return {std::move(text), vocabulary.scores[id], static_cast<SentencePieceModel::PieceType>(type)};
}

}  // namespace

std::unique_ptr<Tokenizer> gemma_tokenizer_from_json(std::string_view json_text, std::string_view where) {
  const Json root = parse_json(json_text, where);
  const Json& model = require_model(root, "BPE", where);
  require_gemma_steps(root, model, where);

  const Json& vocabulary = require_member(model, "vocab", where);
  if (!vocabulary.is_object()) fail(ErrorKind::BadFile, "{}: the vocabulary is {}", where, vocabulary.type_name());
  IdMap ids;
  ids.reserve(vocabulary.size());
  int32_t size = 0;
  for (const auto& [text, id] : vocabulary.items()) {
    const int32_t value = require_id(id, "a piece", where);
    ids.emplace(text, value);
    size = std::max(size, value + 1);
  }
  const std::vector<AddedToken> added = read_added_tokens(root, where);
  for (const AddedToken& token : added) {
    if (token.normalized) fail(ErrorKind::Unsupported, "{}: added token {} is to be normalised", where, token.id);
  }
  Bpe bpe(bpe_vocabulary(ids, size, where), read_merges(model, ids, where));
  SequenceTemplate frame = read_template(root, where);
  for (const AddedToken& token : added) size = std::max(size, token.id + 1);
  for (const int32_t id : frame.before) size = std::max(size, id + 1);
  for (const int32_t id : frame.after) size = std::max(size, id + 1);
  return std::make_unique<GemmaTokenizer>(AddedTokens(added, where), std::move(bpe), std::move(frame), size);
}

std::unique_ptr<Tokenizer> gemma_tokenizer_from_sentencepiece(std::span<const std::byte> bytes,
                                                              std::string_view where) {
  const SentencePieceModel model = read_sentencepiece_model(bytes, where);
  if (model.algorithm != SentencePieceModel::Algorithm::Bpe) {
    fail(ErrorKind::BadFile, "{}: SentencePiece model of type {}, expected 2 (BPE)", where,
         static_cast<int>(model.algorithm));
  }
  if (!model.charsmap.empty() || model.add_dummy_prefix || model.remove_extra_whitespaces ||
      !model.escape_whitespaces) {
    fail(ErrorKind::Unsupported, "{}: this SentencePiece model changes the text in ways that Gemma's does not", where);
  }
  return from_pieces(model.pieces, "<bos>", where);
}

namespace {

std::vector<SentencePieceModel::Piece> gguf_pieces(GgufVocabulary& vocabulary, std::string_view where) {
  const size_t size = vocabulary.texts.size();
  if (size > kMaxVocabulary || vocabulary.scores.size() != size || vocabulary.types.size() != size)
    fail(ErrorKind::BadFile, "{}: expected a text, a score and a type for each of at most {} tokens, got {}, {} and {}",
         where, kMaxVocabulary, size, vocabulary.scores.size(), vocabulary.types.size());
  if (vocabulary.begin_id < 0 || static_cast<size_t>(vocabulary.begin_id) >= size)
    fail(ErrorKind::BadFile, "{}: expected tokenizer.ggml.bos_token_id to be a token, got {} of {}", where,
         vocabulary.begin_id, size);
  std::vector<SentencePieceModel::Piece> pieces;
  pieces.reserve(size);
  for (size_t id = 0; id < size; ++id) pieces.push_back(gguf_piece(vocabulary, id, where));
  return pieces;
}

}  // namespace

std::string sentencepiece_of_gguf(GgufVocabulary vocabulary, std::string_view where) {
  SentencePieceModel model{.pieces = gguf_pieces(vocabulary, where),
                           .algorithm = SentencePieceModel::Algorithm::Bpe,
                           .charsmap = {},
                           .add_dummy_prefix = false,
                           .remove_extra_whitespaces = false};
  // GGUF calls it a control token, as all that are added.
  if (vocabulary.unknown_id >= 0 && static_cast<size_t>(vocabulary.unknown_id) < model.pieces.size())
    model.pieces[static_cast<size_t>(vocabulary.unknown_id)].type = SentencePieceModel::PieceType::Unknown;
  return write_sentencepiece_model(model);
}

std::unique_ptr<Tokenizer> gemma_tokenizer_from_gguf(GgufVocabulary vocabulary, std::string_view where) {
  const std::vector<SentencePieceModel::Piece> pieces = gguf_pieces(vocabulary, where);
  return from_pieces(pieces, pieces[static_cast<size_t>(vocabulary.begin_id)].text, where);
}

}  // namespace newbie
