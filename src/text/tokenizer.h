// Strings to token ids. A tokenizer is read once from a model's files and then shared: encode() is const and
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct TokenizedText {
  std::vector<int32_t> ids;  // with the special tokens of the model's template
  // Of each id, the byte offset in the original text where it starts; ids of one character's bytes share theirs, and
  // those of the template have 0 in front and the text's size behind.
  std::vector<size_t> begins;
  size_t specials_before = 0, specials_after = 0;  // ids of the template
  size_t lost_tokens = 0;                          // ids that did not fit in max_tokens
  std::string unknown_text;  // what has no token of its own and is read as "unknown", each once, with spaces between
  std::string lost_text;     // the end of the original text that those ids stood for; empty when nothing was lost
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `max_tokens` counts the special tokens. A longer text is cut at its end, as HuggingFace's right truncation does.
  // Error{InvalidRequest} for ill-formed UTF-8 (with the byte offset), or a max_tokens too small for the specials.
  virtual TokenizedText encode(std::string_view text, size_t max_tokens) const = 0;

  virtual int32_t vocabulary_size() const = 0;  // one more than the largest id
  virtual std::string name() const = 0;
};

// The loaders read hostile bytes: Error{BadFile} naming `where` when damaged, Error{Unsupported} when the file asks for
// a step that this family of models does not use.
//
// Both forms of a file give the ids of HuggingFace's fast tokenizer, because the released models were trained with it.
// The SentencePiece form is converted as `transformers` does it (convert_slow_tokenizer.py). SentencePiece itself,
// which ComfyUI calls, gives other ids for a few unusual texts: see gemma_tokenizer.cpp and xlm_roberta_tokenizer.cpp.
std::unique_ptr<Tokenizer> gemma_tokenizer_from_json(std::string_view json_text, std::string_view where);
std::unique_ptr<Tokenizer> gemma_tokenizer_from_sentencepiece(std::span<const std::byte> model, std::string_view where);

// A SentencePiece vocabulary as llama.cpp's files carry it in their keys (spec/gguf.md §4): of each id its text, score
// and type (SentencePiece's numbers). It was changed on the way there: added tokens have the score -1000 and are of
// type 3 (control) or 4, and in those of type 4 a blank stands for "▁". The ids are those of the model's
// tokenizer.json.
struct GgufVocabulary {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;
  int32_t begin_id = 2;    // <bos>
  int32_t unknown_id = 3;  // <unk>
};
// The same vocabulary as the SentencePiece model it was made from, the bytes of a file that other programs read.
std::string sentencepiece_of_gguf(GgufVocabulary vocabulary, std::string_view where);
std::unique_ptr<Tokenizer> gemma_tokenizer_from_gguf(GgufVocabulary vocabulary, std::string_view where);

std::unique_ptr<Tokenizer> xlm_roberta_tokenizer_from_json(std::string_view json_text, std::string_view where);
std::unique_ptr<Tokenizer> xlm_roberta_tokenizer_from_sentencepiece(std::span<const std::byte> model,
                                                                    std::string_view where);

}  // namespace newbie
