// tokenizer.json of the XLM-RoBERTa kind: it is refused, or it encodes.
#include "fuzz/use_tokenizer.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::unique_ptr<Tokenizer> tokenizer;
  const auto kinds = {ErrorKind::BadFile, ErrorKind::Unsupported};
  if (fuzz::survives(kinds, [&] { tokenizer = xlm_roberta_tokenizer_from_json(fuzz::text_of(data, size), "fuzz"); }))
    fuzz::use_tokenizer(*tokenizer, "<character_1> blue_hair\n  e\u0301 \uFF53\u3000\u304B\u3099 <mask><bos>", 12,
                        kinds);
  return 0;
}
