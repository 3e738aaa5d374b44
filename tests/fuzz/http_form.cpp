// multipart/form-data: the first line is the Content-Type, the rest the body.
#include "fuzz/target.h"
#include "http/multipart.h"

using namespace newbie;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const size_t line = std::min(text.find('\n'), text.size());
  const std::string_view body = text.substr(std::min(text.size(), line + 1));
  fuzz::survives({ErrorKind::InvalidRequest}, [&] {
    size_t bytes = 0;
    for (const FormPart& part : parse_form(text.substr(0, line), body)) {
      fuzz::require(part.data.data() >= body.data() && part.data.data() + part.data.size() <= body.data() + body.size(),
                    "a part's data lies in the body");
      bytes += part.data.size();
    }
    fuzz::require(bytes <= body.size(), "parts do not overlap");
  });
  return 0;
}
