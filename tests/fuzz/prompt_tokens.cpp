// Any bytes as a prompt whose tokens are counted with the embedded model's tokenizers. The first two bytes are the
// limits.
#include "text/prompt_tokens.h"

#include "core/files.h"
#include "fuzz/target.h"
#include "text/prompt_lint.h"

using namespace newbie;

namespace {

using Loader = std::unique_ptr<Tokenizer> (*)(std::string_view, std::string_view);

std::unique_ptr<Tokenizer> open(Loader load, const char* part) {
  const std::string path = std::string(NEWBIE_SOURCE_DIR "/models/avatar/") + part + "/tokenizer.json";
  return load(read_file(path, size_t{1} << 24), path);
}

void check(const EncoderTokens& encoder) {
  fuzz::require(encoder.used + encoder.lost == encoder.pieces.size() && encoder.used <= encoder.limit,
                "tokens are used or lost");
  size_t at = 0, lost = 0;
  for (const TokenPiece& piece : encoder.pieces) {
    lost += piece.lost;
    if (piece.begin == piece.end) continue;
    fuzz::require(piece.begin == at || at == 0, "pieces follow each other; only white space may stand before them");
    at = piece.end;
  }
  fuzz::require(at == encoder.text.size() || at == 0, "pieces go on to the end of the text");
  fuzz::require(lost == encoder.lost, "lost pieces are counted");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Tokenizer> gemma = open(gemma_tokenizer_from_json, "text_encoder"),
                                          jina = open(xlm_roberta_tokenizer_from_json, "clip_model");
  if (size < 2) return 0;
  const std::string_view text = fuzz::text_of(data + 2, size - 2);
  const TokenOptions options{.system_prompt = "s: ", .max_gemma_tokens = data[0], .max_jina_tokens = data[1]};
  fuzz::survives({ErrorKind::InvalidRequest}, [&] {
    const PromptTokens tokens = count_prompt_tokens(text, parse_prompt(text), *gemma, *jina, options);
    check(tokens.gemma);
    check(tokens.jina);
    for (const Finding& finding : lint_tokens(tokens))
      fuzz::require(finding.at.offset <= text.size(), "what is lost has a place");
  });
  return 0;
}
