// The tokenizers and goldens that the tests of this room share.
#pragma once

#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "text/tokenizer.h"

namespace newbie::testing {

constexpr size_t kNoLimit = size_t{1} << 40;

inline std::string source_file(std::string_view path) {
  return read_file(std::string(NEWBIE_SOURCE_DIR "/").append(path), size_t{1} << 28);
}

inline Json golden(std::string_view name) {
  return parse_json(source_file(std::string("tests/golden/data/").append(name)), name);
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline const std::string& gemma_json() {
  static const std::string text = source_file("models/avatar/text_encoder/tokenizer.json");
  return text;
}
inline const std::string& gemma_model() {
  static const std::string text = source_file("models/avatar/text_encoder/tokenizer.model");
  return text;
}
inline const std::string& jina_json() {
  static const std::string text = source_file("models/avatar/clip_model/tokenizer.json");
  return text;
}
inline const std::string& jina_model() {
  static const std::string text = source_file("models/avatar/clip_model/sentencepiece.bpe.model");
  return text;
}

struct Form {
  std::string name;
  std::unique_ptr<Tokenizer> tokenizer;

  std::vector<int32_t> ids(std::string_view text) const { return tokenizer->encode(text, kNoLimit).ids; }
};

inline const std::vector<Form>& gemma_forms() {
  static const std::vector<Form> forms = [] {
    std::vector<Form> out;
    out.push_back({"tokenizer.json", gemma_tokenizer_from_json(gemma_json(), "tokenizer.json")});
    out.push_back({"tokenizer.model", gemma_tokenizer_from_sentencepiece(bytes_of(gemma_model()), "tokenizer.model")});
    return out;
  }();
  return forms;
}

inline const std::vector<Form>& jina_forms() {
  static const std::vector<Form> forms = [] {
    std::vector<Form> out;
    out.push_back({"tokenizer.json", xlm_roberta_tokenizer_from_json(jina_json(), "tokenizer.json")});
    out.push_back({"sentencepiece.bpe.model",
                   xlm_roberta_tokenizer_from_sentencepiece(bytes_of(jina_model()), "sentencepiece.bpe.model")});
    return out;
  }();
  return forms;
}

// The XLM-RoBERTa-shaped tokenizer of the goldens, in the older layout (WhitespaceSplit and Metaspace).
inline const Form& synthetic_jina() {
  static const Form form{"xlmr_synth_tokenizer.json",
                         xlm_roberta_tokenizer_from_json(
                             source_file("tests/golden/data/tokenizers/xlmr_synth_tokenizer.json"), "synthetic")};
  return form;
}

// The real Gemma 3 tokenizer, or null: see tests/support/fetch_gemma3_tokenizer.sh.
inline const Tokenizer* real_gemma3() {
  static const std::unique_ptr<Tokenizer> tokenizer = []() -> std::unique_ptr<Tokenizer> {
    const char* path = std::getenv("NEWBIE_GEMMA3_TOKENIZER");
    return path ? gemma_tokenizer_from_json(read_file(path, size_t{1} << 28), path) : nullptr;
  }();
  return tokenizer.get();
}

}  // namespace newbie::testing

#define SKIP_WITHOUT_GEMMA3()                                                \
  if (!newbie::testing::real_gemma3())                                       \
  GTEST_SKIP() << "set NEWBIE_GEMMA3_TOKENIZER to the real tokenizer.json; " \
                  "tests/support/fetch_gemma3_tokenizer.sh DIRECTORY gets it"
