// XLM-RoBERTa's tokenizer (Jina CLIP v2's text tower): special tokens are cut out, the text is normalised by the
// model's character map, split into words that start with U+2581, and each word goes through Unigram. `<s>` … `</s>`.
//
// SentencePiece itself (and so ComfyUI) differs from these ids in four ways, which few prompts meet; measured against
// the library on random mixtures, nothing else differs:
//  1. Special tokens written in a text (`<s>`, `</s>`, `<pad>`, `<unk>`, `<mask>`) are single ids here, spelled out
//     there.
//  2. Combining marks are normalised in another way: see precompiled_charsmap.h.
//  3. Scores are summed in double and per word here, in float and over the whole text there, so that splits of equal
//     sums ("o" + "oo" or "oo" + "o") may fall differently.
//  4. U+0085, which the character map leaves alone, is white space here: it goes away at the end of a text.
#include <algorithm>
#include <variant>

#include "core/error.h"
#include "text/added_tokens.h"
#include "text/base64.h"
#include "text/precompiled_charsmap.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_limits.h"
#include "text/unigram.h"

namespace newbie {
namespace {

struct StripRight {};
struct MarkSpaceRuns {};  // two and more spaces become one U+2581
using NormalizerStep = std::variant<PrecompiledCharsmap, StripRight, MarkSpaceRuns>;

std::vector<Character> apply(const PrecompiledCharsmap& charsmap, std::vector<Character> text) {
  return charsmap.normalize(text);
}

std::vector<Character> apply(const StripRight&, std::vector<Character> text) {
  while (!text.empty() && is_white_space(text.back().code_point)) text.pop_back();
  return text;
}

std::vector<Character> apply(const MarkSpaceRuns&, std::vector<Character> text) {
  std::vector<Character> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && text[end].code_point == U' ') ++end;
    out.push_back(end - i >= 2 ? Character{kSpaceMark, text[i].begin} : text[i]);
    i = std::max(i + 1, end);
  }
  return out;
}

std::vector<Character> normalize(const std::vector<NormalizerStep>& steps, std::vector<Character> text) {
  for (const NormalizerStep& step : steps) {
    text = std::visit([&](const auto& s) { return apply(s, std::move(text)); }, step);
  }
  return text;
}

struct Parts {
  std::vector<NormalizerStep> normalizer;
  bool splits_white_space = false;  // older files split words at white space before marking them
  AddedTokens raw_tokens;           // searched before the normaliser
  AddedTokens normalized_tokens;    // searched behind it
  SequenceTemplate frame;
  int32_t vocabulary_size = 0;
};

class XlmRobertaTokenizer final : public Tokenizer {
 public:
  XlmRobertaTokenizer(Parts parts, Unigram unigram) : parts_(std::move(parts)), unigram_(std::move(unigram)) {}

  TokenizedText encode(std::string_view text, size_t max_tokens) const override {
    const std::vector<Character> characters = decode_prompt(text);
    std::vector<Token> tokens;
    for (const AddedTokens::Segment& raw : parts_.raw_tokens.split(characters)) {
      if (raw.id) {
        tokens.push_back({*raw.id, raw.text.front().begin});
        continue;
      }
      const std::vector<Character> normalized = normalize(parts_.normalizer, {raw.text.begin(), raw.text.end()});
      for (const AddedTokens::Segment& segment : parts_.normalized_tokens.split(normalized)) {
        if (segment.id) {
          tokens.push_back({*segment.id, segment.text.front().begin});
        } else {
          encode_text(segment.text, tokens);
        }
      }
    }
    TokenizedText out = frame_tokens(text, tokens, parts_.frame, max_tokens);
    out.unknown_text = unknown_text(text, tokens);
    return out;
  }

  int32_t vocabulary_size() const override { return parts_.vocabulary_size; }
  std::string name() const override { return "xlm_roberta"; }

 private:
  std::string unknown_text(std::string_view text, std::span<const Token> tokens) const {
    std::vector<std::string_view> found;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].id != unigram_.unknown_id()) continue;
      const size_t end = i + 1 < tokens.size() ? tokens[i + 1].begin : text.size();
      std::string_view piece = text.substr(tokens[i].begin, end - tokens[i].begin);
      while (!piece.empty() && is_white_space(static_cast<unsigned char>(piece.back()))) piece.remove_suffix(1);
      if (!piece.empty() && std::ranges::find(found, piece) == found.end()) found.push_back(piece);
    }
    std::string out;
    for (const std::string_view piece : found) out.append(out.empty() ? "" : " ").append(piece);
    return out;
  }

  void encode_text(std::span<const Character> text, std::vector<Token>& out) const {
    if (!parts_.splits_white_space) return encode_marked(text, out);
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin;
      while (end < text.size() && !is_white_space(text[end].code_point)) ++end;
      encode_marked(text.subspan(begin, end - begin), out);
      begin = end + 1;
    }
  }

  // HuggingFace's Metaspace: spaces become U+2581, one stands in front, and each starts a new word.
  void encode_marked(std::span<const Character> text, std::vector<Token>& out) const {
    std::vector<Character> word;
    for (const Character& character : text) {
      const bool marks = character.code_point == U' ' || character.code_point == kSpaceMark;
      if (marks || word.empty()) {
        unigram_.encode(word, out);
        word.assign(1, {kSpaceMark, character.begin});
      }
      if (!marks) word.push_back(character);
    }
    unigram_.encode(word, out);
  }

  Parts parts_;
  Unigram unigram_;
};

// Sorts the tokens by where they are searched. The text of a normalised one is normalised too, as HuggingFace does.
void place_added_tokens(std::vector<AddedToken> added, Parts& parts, std::string_view where) {
  std::vector<AddedToken> raw, normalized;
  for (AddedToken& token : added) {
    parts.vocabulary_size = std::max(parts.vocabulary_size, token.id + 1);
    if (!token.normalized) {
      raw.push_back(std::move(token));
      continue;
    }
    std::vector<Character> characters;
    for (const char32_t c : token.content) characters.push_back({c, 0});
    token.content.clear();
    for (const Character& c : normalize(parts.normalizer, std::move(characters))) token.content += c.code_point;
    normalized.push_back(std::move(token));
  }
  parts.raw_tokens = AddedTokens(raw, where);
  parts.normalized_tokens = AddedTokens(normalized, where);
}

void read_normalizer(const Json& step, std::vector<NormalizerStep>& out, std::string_view where) {
  const std::string& type = require_string(require_member(step, "type", where), "the normalizer type", where);
  if (type == "Sequence") {
    for (const Json& part : require_array(require_member(step, "normalizers", where), "normalizers", where)) {
      read_normalizer(part, out, where);
    }
  } else if (type == "Precompiled") {
    const Json& text = require_member(step, "precompiled_charsmap", where);
    const std::optional<std::string> bytes = decode_base64(require_string(text, "the character map", where));
    if (!bytes) fail(ErrorKind::BadFile, "{}: the character map is not base64", where);
    out.emplace_back(PrecompiledCharsmap(*bytes, where));
  } else if (step == Json{{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}}) {
    out.emplace_back(StripRight{});
  } else if (step == Json{{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", "\u2581"}}) {
    out.emplace_back(MarkSpaceRuns{});
  } else {
    refuse_setting("normalizer", step, where);
  }
}

// Metaspace, alone or behind WhitespaceSplit.
void read_pre_tokenizer(const Json& root, Parts& parts, std::string_view where) {
  const Json& whole = require_member(root, "pre_tokenizer", where);
  const Json* metaspace = &whole;
  if (require_member(whole, "type", where) == "Sequence") {
    const Json& list = require_array(require_member(whole, "pretokenizers", where), "pretokenizers", where);
    if (list.size() != 2 || require_member(list[0], "type", where) != "WhitespaceSplit") {
      refuse_setting("pre_tokenizer", whole, where);
    }
    parts.splits_white_space = true;
    metaspace = &list[1];
  }
  const auto is = [&](const char* key, const Json& expected) {  // or left to its default, which is the same
    const Json* value = find_setting(*metaspace, key);
    return !value || *value == expected;
  };
  if (require_member(*metaspace, "type", where) != "Metaspace" || !is("replacement", "\u2581") ||
      !is("prepend_scheme", "always") || !is("add_prefix_space", true) || !is("split", true)) {
    refuse_setting("pre_tokenizer", whole, where);
  }
}

std::vector<Unigram::Piece> read_pieces(const Json& model, std::string_view where) {
  const Json& list = require_array(require_member(model, "vocab", where), "the vocabulary", where);
  if (list.empty() || list.size() > kMaxVocabulary) {
    fail(ErrorKind::BadFile, "{}: {} pieces, expected 1 to {}", where, list.size(), kMaxVocabulary);
  }
  std::vector<Unigram::Piece> out;
  out.reserve(list.size());
  for (const Json& entry : list) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      fail(ErrorKind::BadFile, "{}: piece {} is no pair of a text and a score", where, out.size());
    }
    // The scores were floats when the model was trained; rounding takes back what printing them may have changed.
    out.push_back(
        {require_piece(entry[0].get_ref<const std::string&>(), where), static_cast<float>(entry[1].get<double>())});
  }
  return out;
}

}  // namespace

std::unique_ptr<Tokenizer> xlm_roberta_tokenizer_from_json(std::string_view json_text, std::string_view where) {
  const Json root = parse_json(json_text, where);
  const Json& model = require_model(root, "Unigram", where);
  if (const Json* byte_fallback = find_setting(model, "byte_fallback"); byte_fallback && *byte_fallback != false) {
    refuse_setting("byte_fallback", *byte_fallback, where);
  }
  const std::vector<Unigram::Piece> pieces = read_pieces(model, where);
  Unigram unigram(pieces, require_id(require_member(model, "unk_id", where), "the unknown token", where), where);

  Parts parts;
  parts.vocabulary_size = static_cast<int32_t>(pieces.size());
  if (const Json* normalizer = find_setting(root, "normalizer")) read_normalizer(*normalizer, parts.normalizer, where);
  read_pre_tokenizer(root, parts, where);
  place_added_tokens(read_added_tokens(root, where), parts, where);
  parts.frame = read_template(root, where);
  for (const auto& ids : {parts.frame.before, parts.frame.after}) {
    for (const int32_t id : ids) parts.vocabulary_size = std::max(parts.vocabulary_size, id + 1);
  }
  return std::make_unique<XlmRobertaTokenizer>(std::move(parts), std::move(unigram));
}

std::unique_ptr<Tokenizer> xlm_roberta_tokenizer_from_sentencepiece(std::span<const std::byte> bytes,
                                                                    std::string_view where) {
  using PieceType = SentencePieceModel::PieceType;
  const SentencePieceModel model = read_sentencepiece_model(bytes, where);
  if (model.algorithm != SentencePieceModel::Algorithm::Unigram) {
    fail(ErrorKind::BadFile, "{}: SentencePiece model of type {}, expected 1 (Unigram)", where,
         static_cast<int>(model.algorithm));
  }
  if (!model.add_dummy_prefix || !model.remove_extra_whitespaces || !model.escape_whitespaces) {
    fail(ErrorKind::Unsupported, "{}: this SentencePiece model treats white space in another way than XLM-RoBERTa's",
         where);
  }
  // The original file starts `<unk>`, `<s>`, `</s>`, and every later id is one higher in the model (fairseq's order:
  // `<s>`, `<pad>`, `</s>`, `<unk>`, pieces, `<mask>`). A repackaged file may hold that order itself.
  constexpr std::string_view kOriginal[] = {"<unk>", "<s>", "</s>"};
  constexpr std::string_view kFairseq[] = {"<s>", "<pad>", "</s>", "<unk>"};
  const auto starts_with = [&](std::span<const std::string_view> texts) {
    return model.pieces.size() > texts.size() &&
           std::equal(texts.begin(), texts.end(), model.pieces.begin(),
                      [](std::string_view text, const SentencePieceModel::Piece& piece) { return text == piece.text; });
  };
  size_t first = 0;
  if (starts_with(kOriginal)) {
    first = std::size(kOriginal);
  } else if (starts_with(kFairseq)) {
    first = std::size(kFairseq);
  } else {
    fail(ErrorKind::BadFile,
         "{}: not an XLM-RoBERTa vocabulary: it starts with \"{}\", expected <unk> <s> </s> or <s> "
         "<pad> </s> <unk>",
         where, model.pieces[0].text);
  }
  std::vector<Unigram::Piece> pieces;
  std::vector<AddedToken> added;
  const auto add_special = [&](std::string_view text, bool is_mask) {
    const std::u32string content = require_piece(std::string(text), where);
    added.push_back({content, static_cast<int32_t>(pieces.size()), is_mask, is_mask});
    pieces.push_back({content, 0.0f});
  };
  for (const std::string_view text : kFairseq) add_special(text, false);
  bool has_mask = false;
  for (size_t i = first; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    if (piece.text == "<mask>") {
      has_mask = true;
      add_special(piece.text, true);
    } else if (piece.type == PieceType::Control || piece.type == PieceType::UserDefined) {
      add_special(piece.text, false);
    } else if (piece.type == PieceType::Normal || piece.type == PieceType::Unused) {
      pieces.push_back({require_piece(piece.text, where), piece.score});
    } else {
      fail(ErrorKind::BadFile, "{}: piece {} has type {}, which an XLM-RoBERTa vocabulary has not", where, i,
           static_cast<int>(piece.type));
    }
  }
  if (!has_mask) add_special("<mask>", true);
  Unigram unigram(pieces, 3, where);

  Parts parts;
  parts.vocabulary_size = static_cast<int32_t>(pieces.size());
  if (!model.charsmap.empty()) parts.normalizer.emplace_back(PrecompiledCharsmap(model.charsmap, where));
  parts.normalizer.emplace_back(StripRight{});
  parts.normalizer.emplace_back(MarkSpaceRuns{});
  place_added_tokens(std::move(added), parts, where);
  parts.frame = {.before = {0}, .after = {2}};
  return std::make_unique<XlmRobertaTokenizer>(std::move(parts), std::move(unigram));
}

}  // namespace newbie
