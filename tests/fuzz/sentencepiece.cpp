// SentencePiece models: the file is refused, or both kinds of tokenizers take it or refuse it, and encode.
#include "fuzz/use_tokenizer.h"
#include "text/sentencepiece_model.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (!fuzz::survives({ErrorKind::BadFile}, [&] { read_sentencepiece_model(bytes, "fuzz"); })) return 0;
  const auto kinds = {ErrorKind::BadFile, ErrorKind::Unsupported};
  for (auto load : {gemma_tokenizer_from_sentencepiece, xlm_roberta_tokenizer_from_sentencepiece}) {
    std::unique_ptr<Tokenizer> tokenizer;
    if (fuzz::survives(kinds, [&] { tokenizer = load(bytes, "fuzz"); }))
      fuzz::use_tokenizer(*tokenizer, "<mask> blue_hair\n  e\u0301 \uFF53\u3000\u304B\u3099", 6, kinds);
  }
  return 0;
}
