// Any bytes as a prompt for the embedded model's XLM-RoBERTa tokenizer. The first byte is the token limit.
#include "core/files.h"
#include "fuzz/use_tokenizer.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    const char* path = NEWBIE_SOURCE_DIR "/models/avatar/clip_model/tokenizer.json";
    return xlm_roberta_tokenizer_from_json(read_file(path, size_t{1} << 24), path);
  }();
  if (size == 0) return 0;
  fuzz::use_tokenizer(*tokenizer, fuzz::text_of(data + 1, size - 1), data[0], {ErrorKind::InvalidRequest});
  return 0;
}
